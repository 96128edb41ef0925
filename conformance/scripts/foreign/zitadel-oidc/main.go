// The example provider of github.com/zitadel/oidc with the clients and users of our fixtures, on loopback, at PORT.
package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"

	"github.com/zitadel/oidc/v3/example/server/exampleop"
	"github.com/zitadel/oidc/v3/example/server/storage"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
	"golang.org/x/text/language"
)

// Our users. All are administrators, for the example exchanges nobody else's token, whatever it is exchanged for.
type users map[string]*storage.User

func (u users) GetUserByID(id string) *storage.User         { return u[id] }
func (u users) GetUserByUsername(name string) *storage.User { return u[name] }

// The user of the example's one client for itself.
func (u users) ExampleClientID() string { return storage.ServiceUserID }

// The example's storage, with what it does not let one say of a client.
type store struct{ *storage.Storage }

func (s store) GetClientByClientID(ctx context.Context, id string) (op.Client, error) {
	known, err := s.Storage.GetClientByClientID(ctx, id)
	if err != nil {
		return nil, err
	}
	return client{known}, nil
}

type client struct{ op.Client }

// Devices have no secret, and nothing but their grants.
var deviceGrants = map[string][]oidc.GrantType{
	"tv":    {oidc.GrantTypeDeviceCode, oidc.GrantTypeRefreshToken},
	"kiosk": {oidc.GrantTypeDeviceCode},
}

func (c client) GrantTypes() []oidc.GrantType {
	if grants := deviceGrants[c.GetID()]; grants != nil {
		return grants
	}
	return c.Client.GrantTypes()
}

func (c client) AuthMethod() oidc.AuthMethod {
	if c.GetID() == "shop" {
		return oidc.AuthMethodPost
	}
	return c.Client.AuthMethod()
}

func (c client) ResponseTypes() []oidc.ResponseType {
	return []oidc.ResponseType{oidc.ResponseTypeCode}
}

func (c client) PostLogoutRedirectURIs() []string {
	out := "http://127.0.0.1:9900/" + c.GetID() + "/out"
	return []string{out, out + "?kept=1"}
}

func user(name, given, family string) *storage.User {
	return &storage.User{
		ID: name, Username: name, Password: name + "'s password", FirstName: given, LastName: family,
		Email: name + "@example.test", EmailVerified: true, PreferredLanguage: language.English, IsAdmin: true,
	}
}

func main() {
	port := os.Getenv("PORT")
	if port == "" {
		port = "4300"
	}
	issuer := "http://localhost:" + port + "/"
	for _, name := range []string{"web", "shop", "wiki", "backoffice", "trap"} {
		storage.RegisterClients(storage.WebClient(name, name+"-secret", "http://127.0.0.1:9900/"+name+"/cb"))
	}
	storage.RegisterClients(
		storage.NativeClient("spa", "http://127.0.0.1:9900/spa/cb"), storage.NativeClient("native", "http://127.0.0.1/cb"),
		storage.NativeClient("tv"), storage.NativeClient("kiosk"),
	)
	known := users{
		"alice": user("alice", "Alice", "Example"), "bob": user("bob", "Bob", "Example"),
		"zoe": user("zoe", "Zoe", "Example"), "support": user("support", "Sam", "Support"),
		"auditor": user("auditor", "Audrey", "Auditor"),
	}
	provider := exampleop.SetupServer(issuer, store{storage.NewStorage(known)}, slog.New(slog.NewTextHandler(io.Discard, nil)), false)
	if err := http.ListenAndServe("127.0.0.1:"+port, provider); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
