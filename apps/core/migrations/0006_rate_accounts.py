from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [("core", "0005_audit")]

    operations = [
        migrations.CreateModel(
            name="RateAccount",
            fields=[
                ("key", models.CharField(max_length=100, primary_key=True, serialize=False)),
                ("paid_at", models.DateTimeField()),
            ],
        ),
        # No write-ahead log for what is out of date within a minute. Half-empty pages let updates stay where they are.
        migrations.RunSQL(
            "ALTER TABLE core_rateaccount SET UNLOGGED; ALTER TABLE core_rateaccount SET (fillfactor = 50)",
            migrations.RunSQL.noop,
        ),
    ]
