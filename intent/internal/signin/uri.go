package signin

import "strings"

// parseURI reports whether s is a URI (RFC 3986, section 3), not a relative
// reference, and returns the host and port of its authority. Schemes without
// an authority, like did: and urn:, have none.
func parseURI(s string) (host string, ok bool) {
	scheme, rest, ok := strings.Cut(s, ":")
	if !ok || scheme == "" || !isLetter(scheme[0]) || strings.Trim(scheme, alphanumeric+"+-.") != "" {
		return "", false
	}
	rest, fragment, _ := strings.Cut(rest, "#")
	rest, query, _ := strings.Cut(rest, "?")
	const more = "/?"
	if !uriChars(fragment, more) || !uriChars(query, more) {
		return "", false
	}
	if authority, hasOne := strings.CutPrefix(rest, "//"); hasOne {
		path := ""
		if i := strings.IndexByte(authority, '/'); i >= 0 {
			authority, path = authority[:i], authority[i:]
		}
		host = authority[strings.LastIndexByte(authority, '@')+1:]
		// Browsers find a host in https:///path, too.
		web := strings.EqualFold(scheme, "http") || strings.EqualFold(scheme, "https")
		// Brackets stand around addresses of IPv6 only.
		return host, (host != "" || !web) && uriChars(path, "/") && uriChars(strings.NewReplacer("[", "", "]", "").Replace(authority), "")
	}
	return "", uriChars(rest, "/")
}

// uriChars reports whether s is made of pchar and the characters of more, with
// whole percent encodings.
func uriChars(s, more string) bool {
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '%':
			if i+2 >= len(s) || strings.Trim(s[i+1:i+3], "0123456789abcdefABCDEF") != "" {
				return false
			}
			i += 2
		case !strings.ContainsRune(alphanumeric+"-._~!$&'()*+,;=:@"+more, rune(c)):
			return false
		}
	}
	return true
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

// An instant is a point in time: Unix seconds, and what is after the decimal
// point as it is written.
type instant struct {
	sec  int64
	part string // digits, without zeros at the end
}

func (t instant) before(u instant) bool {
	return t.sec < u.sec || t.sec == u.sec && t.part < u.part
}

// parseInstant reads a date-time of RFC 3339, section 5.6.
func parseInstant(s string) (instant, bool) {
	number := func(at, n, low, high int) int64 {
		v := 0
		if at+n > len(s) {
			return -1
		}
		for _, c := range []byte(s[at : at+n]) {
			if c < '0' || c > '9' {
				return -1
			}
			v = 10*v + int(c-'0')
		}
		if v < low || v > high {
			return -1
		}
		return int64(v)
	}
	const form = "0000-00-00T00:00:00"
	if len(s) <= len(form) || s[4] != '-' || s[7] != '-' || s[10]|0x20 != 't' || s[13] != ':' || s[16] != ':' {
		return instant{}, false
	}
	year, month, day := number(0, 4, 0, 9999), number(5, 2, 1, 12), number(8, 2, 1, 31)
	hour, minute, second := number(11, 2, 0, 23), number(14, 2, 0, 59), number(17, 2, 0, 60)
	if min(year, month, day, hour, minute, second) < 0 || day > daysOf(year, month) {
		return instant{}, false
	}
	t := instant{sec: 86400*daysBefore(year, month, day) + 3600*hour + 60*minute + second}
	rest := len(form)
	if s[rest] == '.' {
		end := rest + 1
		for end < len(s) && s[end] >= '0' && s[end] <= '9' {
			end++
		}
		if end == rest+1 || end == len(s) {
			return instant{}, false
		}
		t.part = strings.TrimRight(s[rest+1:end], "0")
		rest = end
	}
	if s[rest]|0x20 == 'z' {
		return t, rest+1 == len(s)
	}
	if rest+6 != len(s) || s[rest] != '+' && s[rest] != '-' || s[rest+3] != ':' {
		return instant{}, false
	}
	hours, minutes := number(rest+1, 2, 0, 23), number(rest+4, 2, 0, 59)
	if min(hours, minutes) < 0 {
		return instant{}, false
	}
	offset := 3600*hours + 60*minutes
	if s[rest] == '+' {
		offset = -offset
	}
	t.sec += offset
	return t, true
}

func daysOf(year, month int64) int64 {
	switch month {
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	case 4, 6, 9, 11:
		return 30
	}
	return 31
}

// daysBefore returns the days from 1970-01-01 to a date, as it is counted in
// the proleptic Gregorian calendar.
func daysBefore(year, month, day int64) int64 {
	if month <= 2 {
		year--
		month += 12
	}
	// Years begin in March here, and year 0 is one.
	return 365*year + (year+400)/4 - (year+400)/100 + (year+400)/400 + (153*(month-3)+2)/5 + day - 1 - 719468 - 97
}
