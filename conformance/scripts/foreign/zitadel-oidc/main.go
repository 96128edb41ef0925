// The example provider of github.com/zitadel/oidc with the clients and users of our fixtures, on loopback, at PORT.
package main

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"

	"github.com/zitadel/oidc/v3/example/server/exampleop"
	"github.com/zitadel/oidc/v3/example/server/storage"
	"golang.org/x/text/language"
)

// Our users. Administrators may impersonate.
type users map[string]*storage.User

func (u users) GetUserByID(id string) *storage.User           { return u[id] }
func (u users) GetUserByUsername(name string) *storage.User { return u[name] }

// The user of the example's one client for itself.
func (u users) ExampleClientID() string { return storage.ServiceUserID }

func user(name, given, family string, admin bool) *storage.User {
	return &storage.User{
		ID: name, Username: name, Password: name + "'s password", FirstName: given, LastName: family,
		Email: name + "@example.test", EmailVerified: true, PreferredLanguage: language.English, IsAdmin: admin,
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
		storage.DeviceClient("tv", "tv-secret"), storage.DeviceClient("kiosk", "kiosk-secret"),
	)
	known := users{
		"alice": user("alice", "Alice", "Example", false), "bob": user("bob", "Bob", "Example", false),
		"zoe": user("zoe", "Zoe", "Example", false), "support": user("support", "Sam", "Support", true),
		"auditor": user("auditor", "Audrey", "Auditor", true),
	}
	provider := exampleop.SetupServer(issuer, storage.NewStorage(known), slog.New(slog.NewTextHandler(io.Discard, nil)), false)
	if err := http.ListenAndServe("127.0.0.1:"+port, provider); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
