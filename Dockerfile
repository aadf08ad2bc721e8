FROM python:3.13-slim AS python
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_ROOT_USER_ACTION=ignore

FROM python AS requirements
RUN python -m venv /opt/venv
COPY requirements.txt ./
RUN pip install --no-cache-dir --require-hashes -r requirements.txt

FROM python AS requirements-dev
RUN python -m venv /opt/venv
COPY requirements-dev.txt ./
RUN pip install --no-cache-dir --require-hashes -r requirements-dev.txt


# What both images share: the account, and the folder whose owner the volume of
# secrets takes over when it is first mounted.
FROM python AS account
RUN groupadd --gid 10001 order-desk \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /tmp order-desk \
 && install --directory --owner 10001 --group 10001 --mode 2750 /run/order-desk
WORKDIR /app
ENV HOME=/tmp


# `docker compose run --rm test`: the whole project and what tests it.
FROM account AS test
COPY --from=requirements-dev /opt/venv /opt/venv
COPY . .
RUN chmod -R a+rX,go-w .
ENV PYTHONDONTWRITEBYTECODE=1 \
    HYPOTHESIS_STORAGE_DIRECTORY=/tmp/hypothesis
USER 10001:10001
CMD ["python", "-m", "pytest", "-p", "no:cacheprovider", "-n", "auto", "--maxprocesses=4", "--dist=loadgroup"]


# What tests/e2e lays over the stack: a browser, and a clock that can be put forward.
FROM account AS e2e
RUN apt-get update \
 && apt-get install --yes --no-install-recommends chromium-headless-shell libfaketime \
 && rm -rf /var/lib/apt/lists/*
COPY --from=requirements-dev /opt/venv /opt/venv
COPY --from=test /app /app
ENV PYTHONDONTWRITEBYTECODE=1
USER 10001:10001


FROM account AS production
COPY --from=requirements /opt/venv /opt/venv
COPY manage.py ./
COPY embedded embedded
COPY config config
COPY scheduling scheduling
COPY orders orders
COPY docker docker
# Settings demand a key and a database; collecting files uses neither. The key is
# made up on the spot and stays in no layer.
RUN SECRET_KEY="$(python -c 'import secrets; print(secrets.token_urlsafe(50))')" \
    DATABASE_URL=postgresql://unused \
    REDIS_URL=redis://unused \
    python manage.py collectstatic --noinput \
 && python -m compileall -q . \
 && chmod -R a+rX,go-w .
USER 10001:10001
EXPOSE 8000
CMD ["gunicorn", "-c", "python:config.gunicorn", "--bind", "0.0.0.0:8000", "config.wsgi"]
