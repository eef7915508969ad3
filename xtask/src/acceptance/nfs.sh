serve nfs
ports="nfsport=${ADDRESS##*:}&mountport=${ADDRESS##*:}"
local='store/Odd names/film.mkv'
path() { printf 'nfs://127.0.0.1%s?%s' "$1" "$ports"; }

until_done 60 sh -c "nfs-cat '$(path '/Odd names/film.mkv')' >film && cmp film '$local'"
nfs-ls "$(path '/Odd names')" >listed
grep -q 'film.mkv' listed && grep -q "a b+c 9% #1 & 'x' \[y\].txt" listed
nfs-ls "$(path '/Odd names/sub')" | grep -q 'ümläut é.srt'
# Writes are refused.
if nfs-cp make.py "$(path //new)" >refused 2>&1; then cat refused; exit 1; fi
grep -qi 'rofs\|read-only' refused || { cat refused; exit 1; }
end_serving
