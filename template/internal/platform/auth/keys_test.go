package auth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func asJSON(t *testing.T, value any) []byte {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// published returns keys whose source is changed by what it returns, and how often it was asked.
func published(t *testing.T, signers ...signer) (keys *Keys, publish func(...signer), fail func(error), asked func() int) {
	t.Helper()
	var mu sync.Mutex
	var failure error
	var count int
	document := keySetOf(t, signers...)
	read := func() ([]byte, error) {
		mu.Lock()
		defer mu.Unlock()
		count++
		return document, failure
	}
	source := Source{name: "a test", every: urlEvery, fetch: parsed(func(context.Context) ([]byte, error) { return read() })}
	set := func(change func()) {
		mu.Lock()
		defer mu.Unlock()
		change()
	}
	return NewKeys(source, slog.New(slog.DiscardHandler)),
		func(signers ...signer) {
			text := keySetOf(t, signers...)
			set(func() { document, failure = text, nil })
		},
		func(err error) { set(func() { failure = err }) },
		func() int { mu.Lock(); defer mu.Unlock(); return count }
}

func TestANewKeyIsFetchedWhenATokenNamesIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second := newSigner(t, "k1", "EdDSA"), newSigner(t, "k2", "ES256")
		keys, publish, _, asked := published(t, first)
		verifier := NewVerifier(keys, testIssuer, testAudience)
		go keys.Follow(t.Context())
		synctest.Wait()

		time.Sleep(retryEvery)
		publish(first, second)
		for _, key := range []signer{second, first, second} {
			if _, err := verifier.Verify(t.Context(), key.sign(t, claims(nil), nil)); err != nil {
				t.Errorf("%s: %v", key.id, err)
			}
		}
		if asked() != 2 {
			t.Errorf("the issuer was asked %d times", asked())
		}
	})
}

func TestAKeyThatIsWithdrawnIsForgottenAtTheNextLook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second := newSigner(t, "k1", "EdDSA"), newSigner(t, "k2", "EdDSA")
		keys, publish, _, _ := published(t, first, second)
		verifier := NewVerifier(keys, testIssuer, testAudience)
		go keys.Follow(t.Context())
		synctest.Wait()

		publish(second)
		time.Sleep(urlEvery)
		synctest.Wait()
		_, err := verifier.Verify(t.Context(), first.sign(t, claims(nil), nil))
		checkRefusal(t, err, "has not published")
		_, err = verifier.Verify(t.Context(), second.sign(t, claims(nil), nil))
		checkRefusal(t, err, "")
	})
}

func TestKeysThatWereFetchedServeWhileTheIssuerIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key := newSigner(t, "k1", "EdDSA")
		keys, publish, fail, asked := published(t, key)
		verifier := NewVerifier(keys, testIssuer, testAudience)
		fail(errors.New("no route to host"))
		go keys.Follow(t.Context())
		synctest.Wait()

		token := key.sign(t, claims(map[string]any{"exp": time.Now().Add(72 * time.Hour).Unix()}), nil)
		if _, err := verifier.Verify(t.Context(), token); !errors.Is(err, ErrUnavailable) {
			t.Errorf("without any key: %v", err)
		}
		if err := keys.Ready(t.Context()); err == nil || !strings.Contains(err.Error(), "no route") {
			t.Errorf("ready without keys: %v", err)
		}
		publish(key)
		time.Sleep(retryEvery)
		synctest.Wait()
		if err := keys.Ready(t.Context()); err != nil {
			t.Errorf("not ready with keys: %v", err)
		}
		before := asked()
		fail(errors.New("no route to host"))
		time.Sleep(24 * time.Hour)
		if _, err := verifier.Verify(t.Context(), token); err != nil || asked() == before {
			t.Errorf("a day later, asked %d times: %v", asked()-before, err)
		}
	})
}

func TestNamesOfKeysThatAreInventedCostTheIssuerNoMoreThanALookInTenSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key, stranger := newSigner(t, "k1", "EdDSA"), newSigner(t, "x", "EdDSA")
		keys, _, _, asked := published(t, key)
		verifier := NewVerifier(keys, testIssuer, testAudience)
		for second := range 60 {
			for i := range 50 {
				header := map[string]any{"kid": fmt.Sprintf("%d-%d", second, i)}
				_, err := verifier.Verify(t.Context(), stranger.sign(t, claims(nil), header))
				checkRefusal(t, err, "has not published")
			}
			time.Sleep(time.Second)
		}
		if asked() > 7 {
			t.Errorf("the issuer was asked %d times in a minute", asked())
		}
	})
}

func TestARequestWaitsForKeysNoLongerThanTwoSeconds(t *testing.T) {
	hanging := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-hanging }))
	t.Cleanup(server.Close)
	t.Cleanup(func() { close(hanging) })
	key := newSigner(t, "k1", "EdDSA")
	verifier := NewVerifier(newTestKeys(t, server.URL), testIssuer, testAudience)

	begin := time.Now()
	_, err := verifier.Verify(t.Context(), key.sign(t, claims(nil), nil))
	if took := time.Since(begin); !errors.Is(err, ErrUnavailable) || took > 2*longestWait {
		t.Errorf("%v after %s", err, took)
	}
}

func TestWhatIsNoKeySetLeavesTheKeysAsTheyWere(t *testing.T) {
	key := newSigner(t, "k1", "EdDSA")
	for name, document := range map[string]string{
		"empty": "", "no keys": `{"keys":[]}`, "a page": "<html>", "cut off": string(keySetOf(t, key)[:40]), "null": "null",
	} {
		t.Run(name, func(t *testing.T) {
			issuer := newIssuer(t, key)
			keys := newTestKeys(t, issuer.URL)
			verifier := NewVerifier(keys, testIssuer, testAudience)
			token := key.sign(t, claims(nil), nil)
			if _, err := verifier.Verify(t.Context(), token); err != nil {
				t.Fatal(err)
			}
			issuer.publish([]byte(document))
			keys.tried = time.Time{}
			if err := keys.renew(t.Context()); err == nil {
				t.Error("taken for a set of keys")
			}
			if _, err := verifier.Verify(t.Context(), token); err != nil {
				t.Errorf("after it: %v", err)
			}
		})
	}
}

func TestARedirectionIsNotFollowed(t *testing.T) {
	key := newSigner(t, "k1", "EdDSA")
	issuer := newIssuer(t, key)
	server := httptest.NewServer(http.RedirectHandler(issuer.URL, http.StatusFound))
	t.Cleanup(server.Close)
	if err := newTestKeys(t, server.URL).renew(t.Context()); err == nil || !strings.Contains(err.Error(), "302") {
		t.Errorf("got %v", err)
	}
}

func TestAFileWithKeysIsReadAgain(t *testing.T) {
	first, second := newSigner(t, "k1", "RS256"), newSigner(t, "k2", "ES256")
	file := filepath.Join(t.TempDir(), "keys")
	write := func(content []byte) {
		if err := os.WriteFile(file, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(append(first.pem(t), second.pem(t)...))
	keys := newTestKeys(t, "file:"+file)
	verifier := NewVerifier(keys, testIssuer, testAudience)
	for _, key := range []signer{first, second} {
		if _, err := verifier.Verify(t.Context(), key.sign(t, claims(nil), nil)); err != nil {
			t.Errorf("%s of a PEM file: %v", key.id, err)
		}
	}

	third := newSigner(t, "k3", "EdDSA")
	write(keySetOf(t, third))
	keys.tried = time.Time{}
	if _, err := verifier.Verify(t.Context(), third.sign(t, claims(nil), nil)); err != nil {
		t.Errorf("of a set in its place: %v", err)
	}
}

func TestAnAddressThatIsNoneIsRefused(t *testing.T) {
	for _, address := range []string{"", "ftp://issuer/keys", "https://", "file:", "file://host/keys", "issuer.example.com", "%zz"} {
		if source, err := ParseSource(address); err == nil {
			t.Errorf("%q: %s", address, source.name)
		}
	}
}

func TestADevelopmentKeyVerifiesWhatItHasSigned(t *testing.T) {
	token, err := MintToken("for-development-only", "svc", Caller{"me", []string{"a", "b"}}, time.Now().Add(time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{"for-development-only": "", "another-text-than-that": "not signed by its issuer"} {
		keys := NewKeys(DevSource(text), slog.New(slog.DiscardHandler))
		caller, err := NewVerifier(keys, DevIssuer, "svc").Verify(t.Context(), token)
		checkRefusal(t, err, want)
		if want == "" && (caller.Subject != "me" || !caller.Has("a", "b")) {
			t.Errorf("got %+v", caller)
		}
	}
}
