"""Let the database notice every change of a definition, whoever makes it.

Statement-level triggers, so that ten thousand rows cost one insert; without a list of
columns or WHEN, which a trigger with transition tables cannot have. What beat itself
writes with every slot is no change. No shared row is locked.

The foreign keys of the clock's tables are written here, with ON DELETE in the
database, so that a PeriodicTask may be deleted by raw SQL as well.
"""

from django.db import migrations

TABLES = {
    "task": "django_celery_beat_periodictask",
    "interval": "django_celery_beat_intervalschedule",
    "crontab": "django_celery_beat_crontabschedule",
    "solar": "django_celery_beat_solarschedule",
    "clocked": "django_celery_beat_clockedschedule",
}

FUNCTIONS = """
CREATE FUNCTION scheduling_note_new() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO scheduling_schedulechange (kind, row_id, changed_at)
    SELECT TG_ARGV[0], id, clock_timestamp() FROM new_rows;
    RETURN NULL;
END $$;

CREATE FUNCTION scheduling_note_changed() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    kept CONSTANT text[] := '{last_run_at,total_run_count,date_changed}';
BEGIN
    INSERT INTO scheduling_schedulechange (kind, row_id, changed_at)
    SELECT TG_ARGV[0], new_rows.id, clock_timestamp()
    FROM new_rows JOIN old_rows USING (id)
    WHERE to_jsonb(new_rows) - kept <> to_jsonb(old_rows) - kept;
    RETURN NULL;
END $$;
"""
DROP_FUNCTIONS = """
DROP FUNCTION scheduling_note_new();
DROP FUNCTION scheduling_note_changed();
"""

TRIGGERS = "".join(
    f"""
CREATE TRIGGER scheduling_new_{kind} AFTER INSERT ON {table}
    REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION scheduling_note_new('{kind}');
CREATE TRIGGER scheduling_changed_{kind} AFTER UPDATE ON {table}
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION scheduling_note_changed('{kind}');
"""
    for kind, table in TABLES.items()
)
DROP_TRIGGERS = "".join(
    f"""
DROP TRIGGER scheduling_new_{kind} ON {table};
DROP TRIGGER scheduling_changed_{kind} ON {table};
"""
    for kind, table in TABLES.items()
)

# Rows come and go all day, and each is dead at once: the table stays small only if
# it is cleaned by number, not by share.
VACUUM = """
ALTER TABLE scheduling_schedulechange SET (
    autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_insert_threshold = 1000, autovacuum_vacuum_insert_scale_factor = 0
);
"""
RESET_VACUUM = """
ALTER TABLE scheduling_schedulechange RESET (
    autovacuum_vacuum_threshold, autovacuum_vacuum_scale_factor,
    autovacuum_vacuum_insert_threshold, autovacuum_vacuum_insert_scale_factor
);
"""

FOREIGN_KEYS = """
ALTER TABLE scheduling_schedule ADD CONSTRAINT scheduling_schedule_periodic_task_fk
    FOREIGN KEY (periodic_task_id) REFERENCES django_celery_beat_periodictask (id)
    ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE scheduling_run ADD CONSTRAINT scheduling_run_periodic_task_fk
    FOREIGN KEY (periodic_task_id) REFERENCES django_celery_beat_periodictask (id)
    ON DELETE SET NULL DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE scheduling_incident ADD CONSTRAINT scheduling_incident_periodic_task_fk
    FOREIGN KEY (periodic_task_id) REFERENCES django_celery_beat_periodictask (id)
    ON DELETE SET NULL DEFERRABLE INITIALLY DEFERRED;
"""
DROP_FOREIGN_KEYS = """
ALTER TABLE scheduling_schedule DROP CONSTRAINT scheduling_schedule_periodic_task_fk;
ALTER TABLE scheduling_run DROP CONSTRAINT scheduling_run_periodic_task_fk;
ALTER TABLE scheduling_incident DROP CONSTRAINT scheduling_incident_periodic_task_fk;
"""

# Those that were there before count as seen from now on.
MARK_THOSE_THAT_STAND = """
INSERT INTO scheduling_schedulechange (kind, row_id, changed_at)
SELECT 'task', id, clock_timestamp() FROM django_celery_beat_periodictask;
"""


class Migration(migrations.Migration):
    dependencies = [("scheduling", "0003_clock")]

    operations = [
        migrations.RunSQL(FUNCTIONS, DROP_FUNCTIONS),
        migrations.RunSQL(TRIGGERS, DROP_TRIGGERS),
        migrations.RunSQL(VACUUM, RESET_VACUUM),
        migrations.RunSQL(FOREIGN_KEYS, DROP_FOREIGN_KEYS),
        migrations.RunSQL(MARK_THOSE_THAT_STAND, migrations.RunSQL.noop),
    ]
