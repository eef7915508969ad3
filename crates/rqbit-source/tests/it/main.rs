//! The mapping as a whole: any answers of a server, and the tree that they make.

mod fuzz;
