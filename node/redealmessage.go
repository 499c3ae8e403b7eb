package node

// maxGrounds bounds what a re-deal rests on: a request and an approval of each.
const maxGrounds = 1 + maxDevices
