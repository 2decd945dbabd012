# Two stages: the wheel and its hashed dependencies, then a slim image without build tools.
FROM python:3.12-slim AS build
WORKDIR /src
COPY deploy/requirements.lock deploy/
RUN python -m venv /opt/release-bot \
 && /opt/release-bot/bin/pip install --no-cache-dir --require-hashes -r deploy/requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY bot bot
COPY commands commands
COPY integrations integrations
COPY migrations migrations
RUN /opt/release-bot/bin/pip install --no-cache-dir --no-deps .

FROM python:3.12-slim
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin release-bot \
 && mkdir /data && chown 10001:10001 /data
COPY --from=build /opt/release-bot /opt/release-bot
ENV PATH=/opt/release-bot/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOME=/data \
    TMPDIR=/data \
    HOST=0.0.0.0 \
    PORT=8080 \
    DATABASE_URL=sqlite:////data/release-bot.db \
    RELEASE_BOT_CATALOG=/etc/release-bot/catalog.yaml
USER 10001:10001
VOLUME /data
WORKDIR /data
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=3s CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen(f\"http://127.0.0.1:{os.environ['PORT']}/healthz\", timeout=2)"]
ENTRYPOINT ["release-bot"]
CMD ["serve"]
