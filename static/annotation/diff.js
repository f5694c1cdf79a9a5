// Marks the words in which the two texts differ. Time is bounded: anchors by words that are unique on both sides
// (patience diff), a table only for small gaps, and everything between two anchors counts as different otherwise.

const LARGEST_TABLE = 40_000; // cells of one gap
const ALL_TABLES = 4_000_000; // cells of one comparison

// Toggles the marks of two elements; returns whether they are on now.
export function toggle(left, right) {
  if (left.querySelector("mark.diff") || right.querySelector("mark.diff")) {
    unmark(left);
    unmark(right);
    return false;
  }
  const a = words(left);
  const b = words(right);
  const same = align(
    a.map((word) => word.text),
    b.map((word) => word.text),
  );
  mark(a, new Set(same.map(([i]) => i)));
  mark(b, new Set(same.map(([, j]) => j)));
  return true;
}

function words(element) {
  const found = [];
  const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    if (node.parentElement.closest("math")) continue;
    for (const match of node.data.matchAll(/[\p{L}\p{N}\p{M}_]+|[^\s\p{L}\p{N}\p{M}_]/gu)) {
      found.push({ node, start: match.index, end: match.index + match[0].length, text: match[0] });
    }
  }
  return found;
}

// Pairs of positions [i, j] with equal words, increasing in both.
export function align(a, b) {
  const pairs = [];
  const gaps = [[0, a.length, 0, b.length]];
  let budget = ALL_TABLES;
  while (gaps.length) {
    let [i, iEnd, j, jEnd] = gaps.pop();
    while (i < iEnd && j < jEnd && a[i] === b[j]) pairs.push([i++, j++]);
    while (i < iEnd && j < jEnd && a[iEnd - 1] === b[jEnd - 1]) pairs.push([--iEnd, --jEnd]);
    if (i === iEnd || j === jEnd) continue;
    const anchors = uniqueInBoth(a, i, iEnd, b, j, jEnd);
    if (anchors.length) {
      let [fromI, fromJ] = [i, j];
      for (const [atI, atJ] of [...anchors, [iEnd, jEnd]]) {
        gaps.push([fromI, atI, fromJ, atJ]);
        if (atI < iEnd) pairs.push([atI, atJ]);
        [fromI, fromJ] = [atI + 1, atJ + 1];
      }
      continue;
    }
    const cells = (iEnd - i) * (jEnd - j);
    if (cells <= LARGEST_TABLE && cells <= budget) {
      budget -= cells;
      pairs.push(...longestCommon(a, i, iEnd, b, j, jEnd));
    }
  }
  return pairs;
}

function uniqueInBoth(a, i, iEnd, b, j, jEnd) {
  const seen = new Map();
  for (let n = i; n < iEnd; n++) seen.set(a[n], seen.has(a[n]) ? null : { i: n, j: -1 });
  for (let n = j; n < jEnd; n++) {
    const word = seen.get(b[n]);
    if (word) seen.set(b[n], word.j < 0 ? { i: word.i, j: n } : null);
  }
  const both = [...seen.values()].filter((word) => word && word.j >= 0);
  return longestIncreasing(both).map((word) => [word.i, word.j]);
}

// Of words in the order of i, the longest run whose j increase as well.
function longestIncreasing(items) {
  const tops = [];
  const before = new Map();
  for (const item of items) {
    let low = 0;
    let high = tops.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (tops[middle].j < item.j) low = middle + 1;
      else high = middle;
    }
    before.set(item, tops[low - 1]);
    tops[low] = item;
  }
  const run = [];
  for (let item = tops.at(-1); item; item = before.get(item)) run.push(item);
  return run.reverse();
}

function longestCommon(a, i, iEnd, b, j, jEnd) {
  const width = jEnd - j + 1;
  const table = new Uint16Array((iEnd - i + 1) * width);
  for (let n = iEnd - i - 1; n >= 0; n--) {
    for (let m = jEnd - j - 1; m >= 0; m--) {
      const here = n * width + m;
      table[here] = a[i + n] === b[j + m] ? table[here + width + 1] + 1 : Math.max(table[here + width], table[here + 1]);
    }
  }
  const pairs = [];
  for (let n = 0, m = 0; n < iEnd - i && m < jEnd - j; ) {
    if (a[i + n] === b[j + m]) pairs.push([i + n++, j + m++]);
    else if (table[(n + 1) * width + m] >= table[n * width + m + 1]) n++;
    else m++;
  }
  return pairs;
}

// Wraps runs of words that are not in `same`; from the end, so that earlier positions in a text node hold.
function mark(all, same) {
  for (let end = all.length - 1; end >= 0; end--) {
    if (same.has(end)) continue;
    let start = end;
    while (start > 0 && !same.has(start - 1) && all[start - 1].node === all[end].node) start--;
    const range = document.createRange();
    range.setStart(all[end].node, all[start].start);
    range.setEnd(all[end].node, all[end].end);
    const wrapper = document.createElement("mark");
    wrapper.className = "diff";
    range.surroundContents(wrapper);
    end = start;
  }
}

function unmark(element) {
  for (const wrapper of element.querySelectorAll("mark.diff")) wrapper.replaceWith(...wrapper.childNodes);
  element.normalize();
}
