# Completions of tfs for bash. tfs itself finds the candidates: torrents, mounts and servers too.
_tfs() {
    # tfs gets the line as typed, and the part that bash replaces: bash splits words at : and =.
    mapfile -t COMPREPLY < <(_TFS_COMPLETE=bash tfs -- "${COMP_LINE:0:COMP_POINT}" "$2" 2>/dev/null)
    # A directory or the beginning of a value goes on.
    if [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *[/=:,] ]]; then
        compopt -o nospace
    fi
}
complete -o nosort -o bashdefault -F _tfs tfs
