# Builds with scripts/setup, so that an image holds what a checkout runs:  docker build --tag diligence .
# compose.yaml runs it as a service. The command line alone:
#   docker run --rm --volume "$PWD:/data" --user "$(id -u)" diligence assess suppliers.xlsx --out report
# It runs on a root file system that cannot be written to: only /data and /tmp are.
#
# python:3.13-slim by its digest, so that the same commit builds on the same base: Python 3.13.16 on Debian 13, published on
# 9 October 2026, for amd64 and arm64. docs/releasing.md says how it is renewed.
FROM docker.io/library/python:3.13-slim@sha256:70729b46c69b4f1e97c4822c1af3df53a1476cf5ddc6c087c0c10bc3a5678c2f AS build
WORKDIR /app
COPY . .
RUN scripts/setup run && scripts/sbom sbom.cdx.json && rm -r .tools assets/node_modules

FROM docker.io/library/python:3.13-slim@sha256:70729b46c69b4f1e97c4822c1af3df53a1476cf5ddc6c087c0c10bc3a5678c2f
RUN useradd --uid 10001 --create-home diligence && install --directory --owner=diligence --mode=700 /data
COPY --from=build /app /app
# Whoever is in front of the container decides who reaches it: it listens on all its addresses.
ENV DILIGENCE_DATA=/data DILIGENCE_HOST=0.0.0.0 PYTHONUNBUFFERED=1
USER diligence
WORKDIR /data
EXPOSE 8080
# Of a web server. For a worker or scheduler, compose.yaml and deploy/kubernetes say: diligence health worker.
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s CMD ["/app/.venv/bin/diligence", "health"]
ENTRYPOINT ["/app/.venv/bin/diligence"]
