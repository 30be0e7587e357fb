#!/usr/bin/env bash
# Make the secrets that compose.yaml and kubernetes/kustomization.yaml name, in the folder secrets beside this script;
# those that are there stay as they are. The folder is its owner's alone; the files in it are readable, since they are
# mounted one by one into containers whose user is another.
#
# Example:
#   deploy/make_secrets.sh          # for compose.yaml: PostgreSQL is the service postgres
#   deploy/make_secrets.sh db.example.org
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
host=${1:-postgres}

umask 077
mkdir -p secrets
random() { head -c "$1" /dev/urandom | base64 --wrap=0 | tr '+/' '-_'; }
keep() {
    [[ -e "secrets/$1" ]] || printf '%s' "$2" >"secrets/$1"
    chmod 444 "secrets/$1"
}

keep postgres-password "$(random 24)"
password=$(cat secrets/postgres-password)
keep ledger-url "postgresql://sieve:$password@$host/ledger"
keep prefect-url "postgresql+asyncpg://sieve:$password@$host/prefect"
keep api-password "dicom-sieve:$(random 24)"
keep encryption-key "$(random 32)" # a Fernet key: 32 bytes in URL-safe base64
echo "in $PWD:" secrets/*
