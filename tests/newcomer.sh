#!/usr/bin/env bash
# Run the README's commands on a clone, as a user on a restricted machine runs them: in a folder with
# spaces and non-ASCII characters, with a read-only home folder, LC_ALL=C and umask 077. Root runs them as
# another user. The clone has only committed files.
#
#   tests/newcomer.sh [COMMAND ...]     default: all commands; a command is a line of shell
#
# NEWCOMER_KEEP=1 leaves the folder. PYTHON names the Python, by default the first python3 that the
# user can run.
set -u
checkout=$(git -C "$(dirname "$0")" rev-parse --show-toplevel)
base=$(mktemp -d)
project="$base/Jürgen 日本/my project"
[ -n "${NEWCOMER_KEEP:-}" ] || trap 'chmod -R u+w "$base"; rm -rf "$base"' EXIT
mkdir -p "$project" "$base/home"
git clone --quiet "$checkout" "$project"
chmod 500 "$base/home"

as=()
if [ "$(id -u)" = 0 ]; then
	chown -R 65534:65534 "$base"
	chown 0:0 "$base/home" && chmod 555 "$base/home"
	as=(setpriv --reuid=65534 --regid=65534 --clear-groups)
fi
keep=()
while IFS='=' read -r name value; do
	case $name in
	*_proxy | *_PROXY | SSL_CERT_* | *_CA_BUNDLE | PIP_* | UV_DEFAULT_INDEX) keep+=("$name=$value") ;;
	esac
done < <(env)
for PYTHON in "${PYTHON:-}" /usr/local/bin/python3 /usr/bin/python3; do
	[ -n "$PYTHON" ] && "${as[@]}" "$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && break
done

failed=0
run() { # run a line of shell as the user, in the project
	local started=$SECONDS code=0
	"${as[@]}" env -i "${keep[@]}" HOME="$base/home" PATH=/usr/local/bin:/usr/bin:/bin LC_ALL=C PYTHON="$PYTHON" \
		bash -c "umask 077; cd \"\$0\" && { $1; }" "$project" >"$base/output" 2>&1 </dev/null || code=$?
	echo "$code  $((SECONDS - started)) s  $1"
	if [ "$code" != 0 ]; then
		failed=1
		tail -n 25 "$base/output"
	fi
}

echo "exit code, time and command with $PYTHON in $project"
if [ $# -gt 0 ]; then
	for line in "$@"; do run "$line"; done
	exit $failed
fi
activated='. .venv/bin/activate'
run 'make setup'
run 'make rehearse'
run "$activated && nbrelease evidence verify evidence/*"
run 'test -d evidence && ! grep --recursive --files-with-matches -e Jürgen -e "J.u00fcrgen" -e "J%C3%BCrgen" evidence'
run 'test "$(stat --format %a .azureml-local)" = 700'
run "$activated && nbrelease doctor --fix"
run 'test -z "$(git status --porcelain)"'
run "$activated && nbrelease new --list"
run "$activated && nbrelease new '../bike rentals' --name bike-rentals --task regression"
run "cd '../bike rentals' && git init --quiet && git add . && make rehearse"
run "cd '../bike rentals' && make test"
run '! ls "$(dirname "$(dirname "$PWD")")" | grep -v -e "^Jürgen 日本$" -e "^home$" -e "^output$"'
exit $failed
