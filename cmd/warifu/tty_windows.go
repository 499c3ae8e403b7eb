package main

import "golang.org/x/sys/windows"

// quiet turns the echo of a console off, and returns what puts it back as it was.
func quiet(fd int) (restore func() error, err error) {
	var before uint32
	console := windows.Handle(fd)
	if err := windows.GetConsoleMode(console, &before); err != nil {
		return nil, err
	}
	now := before &^ windows.ENABLE_ECHO_INPUT
	now |= windows.ENABLE_PROCESSED_INPUT | windows.ENABLE_LINE_INPUT
	if err := windows.SetConsoleMode(console, now); err != nil {
		return nil, err
	}
	return func() error { return windows.SetConsoleMode(console, before) }, nil
}

// flushInput drops what was typed and not read. That it fails means that there is
// no console any more.
func flushInput(fd int) { _ = windows.FlushConsoleInputBuffer(windows.Handle(fd)) }
