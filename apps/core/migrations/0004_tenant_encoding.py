import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('core', '0003_tenant_limits'),
    ]

    operations = [
        migrations.CreateModel(
            name='TenantEncoding',
            fields=[
                ('tenant', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='+', serialize=False, to='core.tenant')),
                ('highest_short_side', models.PositiveIntegerField(blank=True, null=True)),
                ('quality', models.PositiveSmallIntegerField(blank=True, null=True)),
                ('preset', models.CharField(blank=True, max_length=16, null=True)),
                ('evens_loudness', models.BooleanField(blank=True, null=True)),
            ],
        ),
    ]
