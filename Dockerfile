# One image for the web process, the workers and the beat; the command decides.
FROM python:3.11-slim AS base
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 HOST=0.0.0.0 PORT=8000 DASHMON_DATA_DIR=/data
WORKDIR /app

FROM base AS assets
COPY package.json package-lock.json .npmrc ./
RUN apt-get update && apt-get install --yes --no-install-recommends npm && npm ci --omit=dev --no-audit --no-fund

FROM base
RUN apt-get update && apt-get install --yes --no-install-recommends ca-certificates && rm -rf /var/lib/apt/lists/* \
    && useradd --system --create-home --uid 10001 dashmon && install -d -o dashmon /data
COPY requirements/runtime.lock requirements/
RUN pip install --no-cache-dir --require-hashes -r requirements/runtime.lock
COPY . .
COPY --from=assets /app/node_modules node_modules
RUN DASHMON_DATA_DIR=/tmp/build python manage.py fetch_assets --quiet && rm -rf node_modules /tmp/build
USER dashmon
VOLUME /data
EXPOSE 8000
HEALTHCHECK CMD ["python", "-c", "import http.client as h; c = h.HTTPConnection('127.0.0.1', 8000, timeout=3); c.request('GET', '/api/health', headers={'Host': 'localhost'}); raise SystemExit(c.getresponse().status != 200)"]
CMD ["python", "-m", "dashmon.server"]
