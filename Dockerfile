# Builds with scripts/setup, so that an image holds what a checkout runs:  docker build --tag diligence .
#   docker run --rm --volume "$PWD:/data" --user "$(id -u)" diligence assess suppliers.xlsx --out report
FROM docker.io/library/python:3.13-slim AS build
WORKDIR /app
COPY . .
RUN scripts/setup run && rm -r .tools

FROM docker.io/library/python:3.13-slim
RUN useradd --uid 10001 --create-home diligence
COPY --from=build /app /app
USER diligence
WORKDIR /data
ENTRYPOINT ["/app/.venv/bin/diligence"]
