from django.conf import settings
from django.db import migrations, models


def name_the_algorithm(apps, schema_editor):
    uploads = apps.get_model("video", "VideoUpload")._base_manager
    uploads.update(checksum_algorithm=settings.S3_CHECKSUM_ALGORITHM or "")


class Migration(migrations.Migration):

    dependencies = [
        ('video', '0005_transcode_chunks'),
    ]

    operations = [
        migrations.RenameField(
            model_name='videoupload',
            old_name='checksum_crc64nvme',
            new_name='checksum_value',
        ),
        migrations.AddField(
            model_name='videoupload',
            name='checksum_algorithm',
            field=models.CharField(blank=True, choices=[('CRC64NVME', 'CRC64NVME'), ('CRC32', 'CRC32')], default='', max_length=12),
            preserve_default=False,
        ),
        migrations.RunPython(name_the_algorithm, migrations.RunPython.noop),
    ]
