"""Rules: which pairs are dropped for what their texts say.

`dropped_by_text` is two outputs of a prompt and the first rule that they fall under. Each two outputs are looked at
once, however many pairs they make, and their texts stay in the database. Only the rule that compares prompts with each
other reads texts, of prompts alone.
"""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

from exports.pipeline.likeness import Known
from exports.pipeline.session import Session

# What models are called and who makes them; they count only where an output speaks of itself.
NAMES = (
    "chatgpt|gpt-?[0-9][a-z0-9.]*|claude|gemini|gemma|bard|llama|vicuna|mistral|mixtral|qwen|deepseek|grok|copilot|chatglm|"
    "ernie bot|dbrx|open ?assistant|t[uü]lu|kimi|bing chat"
)
MAKERS = (
    "openai|anthropic|google( deepmind| ai)?|deepmind|meta( ai)?|mistral( ai)?|alibaba( cloud)?|deepseek|xai|microsoft|"
    "cohere|databricks|lmsys|laion|zhipu( ai)?|baidu|moonshot( ai)?|ai2"
)
# plain: texts that differ only in case, white space, compatibility forms, quotation marks, emphasis and the punctuation
# that ends a word come out equal. What is inside a word or between signs stays, for code and numbers mean something.
# says_who: whether an output says which model it is, by one of these names or well-known ones. Collation pg_c_utf8
# knows letters and spaces of all scripts and is the same on every machine.
FUNCTIONS = (
    r"""
CREATE FUNCTION pg_temp.plain(value text) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE AS
$$ SELECT btrim(regexp_replace(regexp_replace(lower(normalize(value, NFKC) COLLATE "pg_c_utf8"),
     '(?<=\s|^)[*_`#"''“”‘’„«»]+|[.,;:!?…*_`#"''“”‘’«»]+(?=\s|$)', '', 'g'), '\s+', ' ', 'g')) $$""",
    rf"""
CREATE FUNCTION pg_temp.says_who(value text, names text[]) RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE AS
$$ SELECT value COLLATE "pg_c_utf8" ~* (
     '\m((i am|i[''’]m|my name is|call me)\s+(\w+\s+){{0,6}}(' || named.names || ')\M'
     '|as\s+(' || named.names || '),?\s+(an?|the|i|my|we|our)\M'
     '|(i am|i[''’]m|i was|me|my creators?|as an?(\s+\w+){{0,4}}\s+(model|assistant|ai|chatbot))\M[^.!?\n]{{0,80}}'
     '\m(by|from|at|of|is|are)\s+({MAKERS})\M)')
   FROM (SELECT concat_ws('|', '{NAMES}', (
     SELECT string_agg(regexp_replace(name, '([^[:alnum:]])', '\\\1', 'g'), '|' ORDER BY name)
     FROM unnest(names) AS given (name) WHERE length(name) >= 3))) AS named (names) $$""",  # noqa: S608
)

# What is told by the texts in full; the other rules are known when votes are selected.
BY_TEXT = frozenset({"near_identical", "prefix", "identity_leak", "too_long"})
DROPPED = """
WITH outputs AS MATERIALIZED (
    SELECT DISTINCT prompt_id, a_id, b_id, identical FROM pooled WHERE rule IS NULL ORDER BY prompt_id, a_id, b_id
), judged AS (
    SELECT o.prompt_id, o.a_id, o.b_id, CASE
        WHEN 'near_identical' = ANY (r.drops) AND o.a_id <> o.b_id AND (
            o.identical OR pg_temp.plain(text.a) = pg_temp.plain(text.b)) THEN 'near_identical'
        WHEN 'prefix' = ANY (r.drops) AND NOT o.identical AND o.a_id <> o.b_id AND (
            starts_with(text.a, text.b) OR starts_with(text.b, text.a)) THEN 'prefix'
        WHEN 'identity_leak' = ANY (r.drops) AND (
            pg_temp.says_who(text.a, ARRAY[a.model_name, b.model_name])
            OR pg_temp.says_who(text.b, ARRAY[a.model_name, b.model_name])) THEN 'identity_leak'
        WHEN 'too_long' = ANY (r.drops) AND
            pg_temp.characters(p.content) + greatest(pg_temp.characters(a.content), pg_temp.characters(b.content))
            > r.max_chars
            THEN 'too_long'
        END AS rule
    FROM outputs o
    JOIN annotation_prompt p ON p.id = o.prompt_id
    JOIN annotation_candidate a ON a.id = o.a_id
    JOIN annotation_candidate b ON b.id = o.b_id
    CROSS JOIN recipe r
    -- OFFSET keeps the planner from writing the expressions out at every use.
    CROSS JOIN LATERAL (
        SELECT pg_temp.whole_text(a.content) AS a, pg_temp.whole_text(b.content) AS b OFFSET 0) AS text
)
SELECT * FROM judged WHERE rule IS NOT NULL
"""

# What was asked, without the instructions that many prompts share.
PROMPTS = """
SELECT prompt_digest, test, array_to_string(ARRAY(
        SELECT text FROM unnest(pg_temp.roles(p.content, 'user'), pg_temp.texts(p.content))
            WITH ORDINALITY AS message (role, text, place)
        WHERE role <> 'system' ORDER BY place), E'\\n') AS text
FROM (SELECT prompt_digest, test, min(prompt_id) AS prompt_id FROM curated
    WHERE rule IS NULL {split} GROUP BY prompt_digest, test) AS asked
JOIN annotation_prompt p ON p.id = prompt_id
"""
OF_TRAIN, OF_TEST = PROMPTS.format(split="AND NOT test"), PROMPTS.format(split="AND test")
DROP_ALIKE = """
UPDATE curated SET rule = 'near_duplicate_across_splits'
FROM alike WHERE alike.prompt_digest = curated.prompt_digest AND rule IS NULL
"""


def drop_by_text(session: Session) -> None:
    """Make `dropped_by_text`; after the consensus."""
    for function in FUNCTIONS:
        session.run(function)
    with session.looking_up():
        session.make("dropped_by_text", DROPPED)


def drop_across_splits(session: Session) -> None:
    """Give the rule to pairs in `curated` whose train prompt is nearly a test prompt."""
    known = Known(text for _, text in _prompts(session, OF_TEST))
    alike = [digest for digest, text in _prompts(session, OF_TRAIN) if known.has_like(text)]
    session.load("alike", pa.table({"prompt_digest": pa.array(alike, pa.string())}))
    session.run(DROP_ALIKE)


def _prompts(session: Session, query: str) -> Iterator[tuple[str, str]]:
    """Digest and text of each prompt, a batch at a time."""
    for batch in session.batches(query):
        yield from zip(batch["prompt_digest"].to_pylist(), batch["text"].to_pylist(), strict=True)
