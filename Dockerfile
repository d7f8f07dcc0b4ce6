# Builds with scripts/setup, so that an image holds what a checkout runs:  docker build --tag diligence .
# compose.yaml runs it as a service. The command line alone:
#   docker run --rm --volume "$PWD:/data" --user "$(id -u)" diligence assess suppliers.xlsx --out report
FROM docker.io/library/python:3.13-slim AS build
WORKDIR /app
COPY . .
RUN scripts/setup run && rm -r .tools assets/node_modules

FROM docker.io/library/python:3.13-slim
RUN useradd --uid 10001 --create-home diligence && install --directory --owner=diligence --mode=700 /data
COPY --from=build /app /app
# Whoever is in front of the container decides who reaches it: it listens on all its addresses.
ENV DILIGENCE_DATA=/data DILIGENCE_HOST=0.0.0.0 PYTHONUNBUFFERED=1
USER diligence
WORKDIR /data
EXPOSE 8080
ENTRYPOINT ["/app/.venv/bin/diligence"]
