"""What the clock adds to manage.py."""
