"""Prints which share of the names in views a foreign parser, guessit, recognises.

    cut -f1,4 crates/tfs-views/tests/names.tsv > expected
    cut -f4 crates/tfs-views/tests/names.tsv | tfs views test --recommended --names - --json > shown
    pip install guessit && python3 crates/tfs-views/tests/foreign_parser.py expected shown

A name in the view of films must be a movie for guessit, with the title that the folder has, and one
in the views of shows and anime an episode.
"""

import json
import sys

from guessit import guessit

WANTED = {"Films": "movie", "Shows": "episode", "Anime": "episode"}


def main():
    classes = [line.rstrip("\n").split("\t", 1) for line in open(sys.argv[1], encoding="utf-8")]
    classes = {name.strip(): kind for kind, name in classes}
    counts = {}
    for torrent in json.load(open(sys.argv[2], encoding="utf-8")):
        for place in torrent["views"]:
            wanted = WANTED.get(place["view"])
            if wanted is None:
                continue
            shown = place["shown_as"] or torrent["name"]
            right, plain, all_ = counts.get(place["view"], (0, 0, 0))
            kind = guessit(shown)["type"]
            before = guessit(torrent["name"])["type"]
            counts[place["view"]] = (right + (kind == wanted), plain + (before == wanted), all_ + 1)
            if kind != wanted:
                known = classes.get(torrent["name"], "?")
                print(f"  {place['view']} ({known}): {shown} is a {kind} for guessit", file=sys.stderr)
    for view, (right, plain, all_) in counts.items():
        print(f"{view}: {right} of {all_} as {WANTED[view]}; by the torrents' own names {plain}")


main()
