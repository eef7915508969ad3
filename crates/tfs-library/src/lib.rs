//! The torrents of an rqbit server as a library of files, for programs that embed tfs.
