package recovery

// Limits that tests need.
const (
	MaxNotices = maxNotices
	MaxTick    = maxTick
)
