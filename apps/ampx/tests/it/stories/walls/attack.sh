# What a hostile agent or workflow tries, all paths known to it; it says `GOT what` for each that worked.
# usage: sh attack.sh NAME
me=$1
got() { echo "GOT $1 by $me"; }
task=${HOME#@DATA@/work/}
task=${task%%/*}

# A token of the process that started it, out of any environment there is.
cat /proc/[0-9]*/environ 2>/dev/null | tr '\0' '\n' | grep -q '^CARGO_PKG_NAME=' && got environment
# A token in the user's home, by name and by a link.
grep -q secret '@TOKEN@/token' 2>/dev/null && got token
rm -f link && ln -s '@TOKEN@' link && grep -q secret link/token 2>/dev/null && got link
rm -f link
# What there is in the home, the database, the configuration, another task's folder.
ls -a '@HOME@' 2>/dev/null | grep -q "@NAME@" && got home
grep -q SQLite '@DATA@/opsmith.db' 2>/dev/null && got database
grep -q data_dir '@CONFIG@' 2>/dev/null && got configuration
grep -q secret '@DATA@/work/other/tree/file' 2>/dev/null && got other
# Git folders of opsmith's own, of whose objects an agent may read some.
plant() { (echo planted > "$2/planted-$me") 2>/dev/null && got "$1"; }
plant control "@DATA@/work/$task/control.git"
plant control-objects "@DATA@/work/$task/control.git/objects"
for cache in @DATA@/cache/*.git; do
    plant cache "$cache"
    plant cache-objects "$cache/objects"
done
# A service of this machine.
if command -v bash >/dev/null; then
    bash -c 'exec 3<> /dev/tcp/127.0.0.1/@PORT@ && grep -q hello <&3' 2>/dev/null && got network
else
    nc 127.0.0.1 @PORT@ </dev/null 2>/dev/null | grep -q hello && got network
fi
# To outlive its end: by a double fork into a session of its own, deaf to signals.
(setsid sh -c 'trap "" TERM HUP INT; exec 9> "$0"; echo lives >&9; echo yes > "$1"; sleep 1000; sleep 1000' \
    "@OUTSIDE@/life-$me" "@OUTSIDE@/begun-$me" >/dev/null 2>&1 </dev/null &)
while ! test -s "@OUTSIDE@/begun-$me"; do :; done
echo "attacked by $me"
