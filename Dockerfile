# Images of this product, from the locked requirements (with hashes) and nothing else:
#
#   docker build --target ingest  -t livinglab-ingest:0.1.0 .     the ingest service and the CLI
#   docker build --target airflow -t livinglab-airflow:0.1.0 .    the pipeline under Airflow
#
# Both run as user 10001 and write only to /state, /airflow, /logs, /tmp and their token folder.

FROM python:3.11.14-slim-bookworm AS base
ENV PYTHONUNBUFFERED=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 \
    LIVINGLAB_CONFIG=/config LIVINGLAB_STATE_DIR=/state
# Volumes take owner and mode from these folders when they are first used.
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /tmp livinglab \
    && install --directory --owner=livinglab --group=livinglab \
       /state /airflow /logs /run/tokens/ingest /run/tokens/airflow /run/tokens/researcher
WORKDIR /opt/livinglab

FROM base AS ingest
COPY docker/ingest.lock ./
RUN pip install --require-hashes --requirement ingest.lock
COPY pyproject.toml README.md LICENSE ./
COPY livinglab livinglab
COPY ingest ingest
COPY transforms transforms
RUN pip install --no-deps --no-build-isolation .
USER 10001:10001
CMD ["livinglab", "ingest"]

FROM base AS airflow
ENV AIRFLOW_HOME=/airflow PYTHONPATH=/opt/livinglab/dags
COPY requirements.lock docker/postgres.lock ./
RUN pip install --require-hashes --requirement requirements.lock \
    && pip install --require-hashes --requirement postgres.lock
COPY pyproject.toml README.md LICENSE ./
COPY livinglab livinglab
COPY ingest ingest
COPY transforms transforms
COPY dags dags
COPY docker/airflow-entrypoint.sh docker/airflow-connection.sh docker/
RUN pip install --no-deps --no-build-isolation . && chmod 0555 docker/*.sh
USER 10001:10001
ENTRYPOINT ["/opt/livinglab/docker/airflow-entrypoint.sh"]
CMD ["airflow", "api-server"]
