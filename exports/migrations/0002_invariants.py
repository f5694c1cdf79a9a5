"""Recipes and files never change; a snapshot that has ended never changes; files come only while it is built."""

from django.db import migrations

APPEND_ONLY = """
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON exports_{table}
FOR EACH STATEMENT EXECUTE FUNCTION annotation_refuse_change();
"""
CHANGEABLE = "DROP TRIGGER append_only ON exports_{table};"

ENDED = """
CREATE FUNCTION exports_refuse_change_of_ended() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.status IN ('ready', 'failed', 'cancelled') THEN
        RAISE EXCEPTION 'snapshot v% is %: % refused', OLD.version, OLD.status, TG_OP
            USING ERRCODE = 'restrict_violation', HINT = 'Build a new version.';
    END IF;
    IF TG_OP = 'DELETE' THEN
        RETURN OLD;
    END IF;
    IF NEW.status = 'ready' AND OLD.status <> 'building' THEN
        RAISE EXCEPTION 'snapshot v% is %, not building: cannot become ready', OLD.version, OLD.status
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER ended BEFORE UPDATE OR DELETE ON exports_snapshot
FOR EACH ROW EXECUTE FUNCTION exports_refuse_change_of_ended();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON exports_snapshot
FOR EACH STATEMENT EXECUTE FUNCTION annotation_refuse_change();
"""
NEVER_ENDED = """
DROP TRIGGER no_truncate ON exports_snapshot;
DROP TRIGGER ended ON exports_snapshot;
DROP FUNCTION exports_refuse_change_of_ended();
"""

FILES = """
CREATE FUNCTION exports_refuse_late_file() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM exports_snapshot WHERE id = NEW.snapshot_id AND status = 'building') THEN
        RAISE EXCEPTION 'snapshot is not building: file % refused', NEW.path USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER while_building BEFORE INSERT ON exports_snapshotfile
FOR EACH ROW EXECUTE FUNCTION exports_refuse_late_file();
"""
ANY_FILES = "DROP TRIGGER while_building ON exports_snapshotfile; DROP FUNCTION exports_refuse_late_file();"


class Migration(migrations.Migration):
    dependencies = [("exports", "0001_initial"), ("annotation", "0002_invariants")]

    operations = [
        *[
            migrations.RunSQL(APPEND_ONLY.format(table=table), CHANGEABLE.format(table=table))
            for table in ("recipe", "snapshotfile")
        ],
        migrations.RunSQL(ENDED, NEVER_ENDED),
        migrations.RunSQL(FILES, ANY_FILES),
    ]
