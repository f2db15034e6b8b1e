from django.db import migrations


class Migration(migrations.Migration):
    """A chunk fails in one way only, when too many workers did not survive it: its count says all of that."""

    dependencies = [
        ('video', '0016_traceparent_of_upload'),
    ]

    operations = [
        migrations.RenameField(model_name='transcodechunk', old_name='failure_count', new_name='loss_count'),
        migrations.RemoveField(model_name='transcodechunk', name='cause_code'),
        migrations.RemoveField(model_name='transcodechunk', name='cause_detail'),
        migrations.RemoveField(model_name='transcodechunk', name='is_files_fault'),
    ]
