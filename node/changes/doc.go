// Package changes has the circle become what its persons have agreed to and what its
// devices decide by themselves. It proposes re-deals, refuses those of others that nobody
// agreed to, keeps up with epochs that were made without this device, and remembers whom
// the last re-deals died of.
package changes
