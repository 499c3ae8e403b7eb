package intent_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"testing"

	"github.com/warifu/warifu/intent"
)

// checkPayload asserts that a payload which Decode reads is read the same twice,
// shows nothing unsafe, and has no signature of zeros.
func checkPayload(t *testing.T, kind intent.Kind, payload []byte) {
	_, ctx := cow(t)
	if kind == intent.SSHFile {
		_, ctx = sshAccount()
	}
	in, err := intent.Decode(kind, payload, ctx)
	if err != nil {
		return
	}
	checkShown(t, string(kind), in)
	again, err := intent.Decode(kind, payload, ctx)
	if err != nil || again.Hash() != in.Hash() {
		t.Fatal("decoding twice differs")
	}
	if _, err := intent.Finish(kind, payload, ctx, make([]byte, 65)); err == nil {
		t.Fatal("a signature of zeros was accepted")
	}
}

func FuzzNormalize(f *testing.F) {
	f.Add(byte(0), []byte("hello"))
	f.Add(byte(0), []byte(signInText("service.org", "hi")))
	f.Add(byte(1), []byte(mail))
	f.Add(byte(1), typedText(f, "x"))
	f.Add(byte(0), []byte(grantsText("hi", "did:key:z", `{"att":{"a:b":{"x/y":[{}]}}}`)))
	f.Add(byte(1), []byte(move))
	f.Add(byte(1), []byte(bulkOrder(1)))
	f.Add(byte(2), []byte(eip155))
	f.Add(byte(2), []byte("0x02e70107843b9aca00847735940082520894d8da6bf26964af9d7eed9e03e53415d37aa960450180c0"))
	f.Add(byte(2), []byte(setCode("["+authorization(f, "other", 1)+"]")))
	f.Add(byte(2), []byte(txTo("0x1", usdc, "0x0", sharedOffsets(3))))
	f.Add(byte(3), []byte("notes.txt"))
	f.Fuzz(func(t *testing.T, k byte, b []byte) {
		in := intent.Input{Kind: intent.Kinds()[k%4], Message: b, JSON: b}
		if in.Kind == intent.SSHFile {
			in = fileInput()
			in.FileName = string(b)
		}
		payload, err := intent.Normalize(in)
		if err != nil {
			return
		}
		_, ctx := cow(t)
		if in.Kind == intent.SSHFile {
			_, ctx = sshAccount()
		}
		if _, err := intent.Decode(in.Kind, payload, ctx); err != nil {
			var e *intent.Error
			if !errors.As(err, &e) || e.Code != intent.CodeWrongAccount && e.Code != intent.CodeOwnAuthorization {
				t.Fatalf("Decode refuses what Normalize made: %v", err)
			}
		}
		checkPayload(t, in.Kind, payload)
		if in.Kind == intent.TypedData || in.Kind == intent.Transaction && bytes.HasPrefix(bytes.TrimSpace(b), []byte("{")) {
			if !json.Valid(b) {
				t.Fatal("encoding/json does not read this JSON")
			}
		}
		if in.Kind == intent.TypedData {
			out, err := intent.Decode(in.Kind, payload, ctx)
			if err != nil {
				t.Fatal(err)
			}
			var r reference
			r.parse(t, b)
			if !bytes.Equal(out.ToSign, r.digest()) {
				t.Fatalf("digest %x, reference %x", out.ToSign, r.digest())
			}
		}
	})
}

func FuzzDecode(f *testing.F) {
	for _, in := range []intent.Input{
		{Kind: intent.Message, Message: []byte("hello")},
		{Kind: intent.TypedData, JSON: []byte(mail)},
		{Kind: intent.Transaction, JSON: []byte(eip155)},
		fileInput(),
		{Kind: intent.Transaction, JSON: []byte(setCode("[" + authorization(f, "other", 1) + "]"))},
	} {
		f.Add(byte(slices.Index(intent.Kinds(), in.Kind)), normalize(f, in))
	}
	f.Fuzz(func(t *testing.T, k byte, b []byte) { checkPayload(t, intent.Kinds()[k%4], b) })
}

func FuzzEscape(f *testing.F) {
	for _, s := range hostile {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		checkEscape(t, s)
		for _, finding := range intent.Suspicious(s) {
			if err := unsafeRune(finding); err != nil {
				t.Errorf("%q: %v", finding, err)
			}
		}
	})
}
