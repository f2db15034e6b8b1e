from django.db import migrations

# A transaction that notifies holds a lock of the whole database until its commit is on disk, so that no two of them can
# share a write. The notice is sent after the commit instead: `services.lifecycle.record_event`.
TAKE_POSITION = """
    CREATE OR REPLACE FUNCTION video_event_take_position() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        taken bigint;
    BEGIN
        IF NOT EXISTS (SELECT FROM video_event WHERE id = NEW.id) THEN
            RETURN NULL;
        END IF;
        INSERT INTO video_feed AS feed (tenant_id, last_position) VALUES (NEW.tenant_id, 1)
            ON CONFLICT (tenant_id) DO UPDATE SET last_position = feed.last_position + 1
            RETURNING last_position INTO taken;
        UPDATE video_event SET position = taken WHERE id = NEW.id;
        RETURN NULL;
    END
    $$;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('video', '0009_event_feed'),
    ]

    operations = [
        migrations.RunSQL(TAKE_POSITION, migrations.RunSQL.noop),
    ]
