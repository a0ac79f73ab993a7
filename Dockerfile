# The runner: stagehold with nmap, Chromium and Allure, and nothing to install when a pipeline starts.
#
#   docker build --tag stagehold .
#   docker run --rm -v "$PWD:/work" -e CANDIDATE_DIGEST stagehold run environments/staging --out gate-out
#
# It runs as root inside the container: nmap's SYN scan needs raw sockets, which Docker gives to root only. `stagehold demo`
# makes network namespaces and needs `--privileged` besides; the gate itself does not.
FROM debian:12-slim

RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates jq python3 python3-venv \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /opt/stagehold
COPY . .
RUN .ci/setup \
    && rm -rf /var/lib/apt/lists/* /root/.cache /root/.npm

ENV PATH=/opt/stagehold/.venv/bin:$PATH
WORKDIR /work
ENTRYPOINT ["stagehold"]
CMD ["--help"]
