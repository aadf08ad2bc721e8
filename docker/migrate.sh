#!/bin/sh
# Brings the database up to date before anything else of ours starts.
set -eu
python manage.py migrate --noinput
python manage.py setup_periodic_tasks
python manage.py ensure_superuser
