ARG PYTHON_IMAGE=python:3.11-slim-bookworm

FROM ${PYTHON_IMAGE} AS build

# Before the code, so that only a change of the lock installs again. Of plotly only the script is served.
COPY requirements.lock /tmp/
RUN python -m venv --without-pip /opt/venv \
 && pip --python /opt/venv/bin/python install --no-cache-dir --no-compile --no-deps --only-binary :all: \
      --require-hashes --requirement /tmp/requirements.lock \
 && find /opt/venv -type d -name tests -prune -exec rm -r {} + \
 && find /opt/venv -path '*/plotly/*' -type f ! -name plotly.min.js -delete && rm -rf /opt/venv/share \
 && /opt/venv/bin/python -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/venv/lib

WORKDIR /opt/iris
COPY LICENSE ./
COPY data data
COPY model model
COPY app app
RUN /opt/venv/bin/python -m compileall -q --invalidation-mode unchecked-hash .


FROM ${PYTHON_IMAGE}

# Numeric, so that an orchestrator can see that it is not root.
RUN install -d -o 10001 -g 10001 /var/lib/iris
COPY --from=build /opt/venv /opt/venv
COPY --from=build /opt/iris /opt/iris

# TMPDIR: the fork server's socket needs a directory that can be written where the root file system
# is read-only, and /dev/shm is there without a tmpfs being asked for; so does the compiled training loop.
ENV PATH=/opt/venv/bin:${PATH} \
    TMPDIR=/dev/shm \
    NUMBA_CACHE_DIR=/dev/shm/numba \
    IRIS_ARTIFACTS=/var/lib/iris

WORKDIR /opt/iris
USER 10001:10001

# So that the first start serves at once.
RUN python -m model.train --seed 0

# Only now: what is written to a volume during a build may be lost.
VOLUME /var/lib/iris
EXPOSE 8000

# Past any proxy that the environment names.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
  CMD ["python", "-c", "from urllib.request import ProxyHandler, build_opener; build_opener(ProxyHandler({})).open('http://127.0.0.1:8000/health/ready', timeout=4)"]

CMD ["python", "-m", "app", "--host", "0.0.0.0", "--port", "8000"]

LABEL org.opencontainers.image.title="iris" \
      org.opencontainers.image.description="A REST prediction microservice around a neural network written from scratch" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="1.1.0"
