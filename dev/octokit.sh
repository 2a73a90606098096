#!/bin/sh
# Fetches GitHub's own description of its API (https://www.npmjs.com/package/@octokit/openapi) into a folder of this
# user's cache. Tests hold against it what the client asks and what the fake GitHub answers; without it they say so.
# The version is also in dev/testkit/src/github/description.rs.
set -eu

version=23.0.2
file=api.github.com.json
folder=${XDG_CACHE_HOME:-$HOME/.cache}/opsmith/octokit/$version

say() { printf 'octokit: %s\n' "$*" >&2; }

[ -f "$folder/$file" ] && exit 0
mkdir -p "$folder"
scratch=$(mktemp -d "$folder/.fetch.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
if (cd "$scratch" && npm pack --silent "@octokit/openapi@$version" >/dev/null) &&
    tar -xzf "$scratch"/*.tgz -C "$scratch" "package/generated/$file"; then
    mv "$scratch/package/generated/$file" "$folder/$file"
else
    say "could not fetch GitHub's description; going on without"
fi
