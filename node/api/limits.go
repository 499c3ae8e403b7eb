package api

import "time"

const (
	// maxBody bounds a request's body. The largest is a typed-data document
	// or a transaction's data, in base64 inside JSON.
	maxBody = 4 << 20

	// maxPassphrase bounds what unlock reads.
	maxPassphrase = 4 << 10

	maxHeader = 16 << 10

	// readTimeout bounds the reading of one request, writeTimeout of one line
	// of a stream: a client that stalls must not hold up the device.
	readTimeout  = 10 * time.Second
	writeTimeout = 10 * time.Second

	// stopTimeout is how long Serve waits for calls in progress, all of which
	// have been told to stop.
	stopTimeout = 3 * time.Second

	// maxLine bounds one line of a stream on the client's side.
	maxLine = 16 << 20
)
