#!/usr/bin/env bash
# A table, its predictor and a search, asked of a service by curl alone and followed live.
#
#   METRONAS_SERVER=http://127.0.0.1:8080 METRONAS_TOKEN=mn_... deploy/search-by-curl.sh
#
# The service and a worker for the target must run (docs/how-to/run-the-service.md). Called again, it
# asks for the same jobs and goes on following them. Its settings, as variables:
#
#   TARGET=cpu RECIPE=flownas-small THREADS=1   what is searched for
#   NETWORKS=90                                 networks that the table is measured with
#   LATENCY=80%                                 budget: of the reference, or such as 45ms
#   EVALUATIONS=                                architectures to score; empty: as the recipe says
#   TABLE=                                      folder of a measured table to upload instead
#   ACCEPT_DRIFT=                               true takes a table of a machine that drifted
#   KEY=by-curl                                 another one asks for new jobs
#   OUT=by-curl                                 folder for the report and the network
set -euo pipefail

api="${METRONAS_SERVER:-http://127.0.0.1:8080}/api/v1"
auth=()
[ -z "${METRONAS_TOKEN:-}" ] || auth=(-H "Authorization: Bearer $METRONAS_TOKEN")
of="\"target\": \"${TARGET:=cpu}\", \"recipe\": \"${RECIPE:=flownas-small}\", \"threads\": ${THREADS:=1}"
key="${KEY:=by-curl}" out="${OUT:=by-curl}"

ask() { curl --silent --show-error --fail-with-body "${auth[@]}" "$@"; }
field() { python3 -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]])' "$1"; }

made() { # what a request made: its number, or what the service says against it
    local said
    said=$(ask "$@") || { echo "$said" >&2; exit 1; }
    field id <<< "$said"
}

submit() { # kind, further parameters
    made -H 'Content-Type: application/json' -H "Idempotency-Key: $key-$1" \
        -d "{\"kind\": \"$1\", $of$2}" "$api/jobs"
}

seen=$(mktemp) # number of the last event
trap 'rm -f "$seen"' EXIT

shown() { # log and state of a stream of events, as they come
    python3 -uc 'import json, sys
for line in sys.stdin:
    name, _, value = line.rstrip("\n").partition(": ")
    if name == "id":
        open(sys.argv[1], "w").write(value)
    elif name == "data":
        said = json.loads(value)
        if "line" in said or "lease" in said or "device" in said:
            print("  " + str(said.get("line") or said))' "$seen"
}

follow() { # job; shows its log until it has ended, also over restarts of the server
    local state=queued
    echo 0 > "$seen"
    echo "job $1: $api/jobs/$1"
    while [ "$state" = queued ] || [ "$state" = running ]; do
        ask --no-buffer "$api/jobs/$1/events?after=$(cat "$seen")" | shown || sleep 5
        state=$(ask "$api/jobs/$1" | field state 2> /dev/null) || state=running
    done
    echo "job $1: $state"
    [ "$state" = "done" ] || { ask "$api/jobs/$1" | field message >&2; exit 1; }
}

uploaded() { # whether the service holds this file of a table
    ask "$api/tables?limit=500" | python3 -c 'import json, sys
sys.exit(not any(file["sha256"] == sys.argv[1] for table in json.load(sys.stdin)
                 for file in table["files"]))' "$(sha256sum < "$1" | cut -d" " -f1)"
}

if [ -n "${TABLE:-}" ] && uploaded "$TABLE/table.json"; then
    echo "the table is there already"
elif [ -n "${TABLE:-}" ]; then
    number=$(made -F "table.json=@$TABLE/table.json" -F "table.parquet=@$TABLE/table.parquet" \
        -F "networks.parquet=@$TABLE/networks.parquet" "$api/tables")
    echo "table $number"
else
    job=$(submit profile ", \"networks\": ${NETWORKS:=90}")
    follow "$job"
fi
job=$(submit fit "${ACCEPT_DRIFT:+, \"accept_drift\": $ACCEPT_DRIFT}")
follow "$job"
job=$(submit search ", \"latency\": \"${LATENCY:=80%}\"${EVALUATIONS:+, \"evaluations\": $EVALUATIONS}")
follow "$job"

mkdir -p "$out"
ask "$api/jobs/$job/artifacts" | python3 -c '
import json, sys
for file in json.load(sys.stdin):
    if file["path"] in ("run/report.html", "run/result.json", "run/best.onnx"):
        print(file["id"], file["path"].rsplit("/", 1)[1])' |
    while read -r number name; do
        ask --output "$out/$name" "$api/artifacts/$number"
        echo "$out/$name"
    done
