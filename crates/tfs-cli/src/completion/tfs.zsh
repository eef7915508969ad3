#compdef tfs
# Completions of tfs for zsh. tfs itself finds the candidates: torrents, mounts and servers too.
_tfs() {
    local line value
    local -a lines whole open
    local typed=${(Q)PREFIX}
    lines=("${(@f)$(_TFS_COMPLETE=zsh tfs -- "${(@Q)words[1,CURRENT-1]}" "$typed" 2>/dev/null)}")
    # zsh would quote a tilde that is part of a candidate.
    compset -P '\~/'
    for line in $lines; do
        [[ -n $IPREFIX ]] && line=${line#\~/}
        # A candidate, and behind a tab its description. _describe separates them with a colon.
        line=${${line//\\/\\\\}//:/\\:}
        value=${line%%$'\t'*}
        [[ $line == *$'\t'* ]] && line=$value:${line#*$'\t'}
        # A directory or the beginning of a value goes on.
        if [[ $value == *[/=,] ]]; then open+=("$line"); else whole+=("$line"); fi
    done
    local ignoring_case='m:{[:lower:][:upper:]}={[:upper:][:lower:]}'
    local found=1
    [[ -n $open ]] && _describe -V tfs open -S '' -M $ignoring_case && found=0
    [[ -n $whole ]] && _describe -V tfs whole -M $ignoring_case && found=0
    return found
}
if [[ $funcstack[1] == _tfs ]]; then _tfs "$@"; else compdef _tfs tfs; fi
