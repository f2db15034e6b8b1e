import django.db.models.deletion
from django.db import migrations, models

# What is there is numbered by id: nobody has read a feed of it yet, so any order without gaps will do.
NUMBER_WHAT_IS_THERE = """
    UPDATE video_event SET position = numbered.position
    FROM (SELECT id, row_number() OVER (PARTITION BY tenant_id ORDER BY id) AS position FROM video_event) numbered
    WHERE video_event.id = numbered.id;
    INSERT INTO video_feed (tenant_id, last_position)
    SELECT tenant_id, max(position) FROM video_event GROUP BY tenant_id;
"""

# Deferred to the end of the transaction, after all its other locks: the feed's row is held for the commit alone, and
# always taken last, so that it cannot take part in a deadlock. It is let go once the commit can be seen, so that
# whoever sees position n sees all before it.
NUMBER_AT_COMMIT = """
    CREATE FUNCTION video_event_take_position() RETURNS trigger LANGUAGE plpgsql AS $$
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
        PERFORM pg_notify('video_feed', NEW.tenant_id::text);
        RETURN NULL;
    END
    $$;
    CREATE CONSTRAINT TRIGGER video_event_take_position AFTER INSERT ON video_event
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION video_event_take_position();
"""
NO_MORE_NUMBERS = """
    DROP TRIGGER video_event_take_position ON video_event;
    DROP FUNCTION video_event_take_position;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('core', '0003_tenant_limits'),
        ('video', '0008_upload_init_key'),
    ]

    operations = [
        migrations.CreateModel(
            name='VideoFeed',
            fields=[
                ('tenant', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='+', serialize=False, to='core.tenant')),
                ('last_position', models.BigIntegerField()),
            ],
            options={
                'db_table': 'video_feed',
            },
        ),
        migrations.AddField(
            model_name='videoevent',
            name='position',
            field=models.BigIntegerField(editable=False, null=True),
        ),
        migrations.RunSQL(NUMBER_WHAT_IS_THERE, migrations.RunSQL.noop),
        migrations.AddConstraint(
            model_name='videoevent',
            constraint=models.UniqueConstraint(fields=('tenant', 'position'), name='event_position_once_per_tenant'),
        ),
        migrations.RunSQL(NUMBER_AT_COMMIT, NO_MORE_NUMBERS),
    ]
