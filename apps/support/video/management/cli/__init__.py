"""The operator's command line, one module per subject. `manage.py video --help` lists the calls."""
