"""`manage.py doctor`: real round trips against everything that this installation is configured to use."""
