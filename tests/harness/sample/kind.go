package sample

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"

	"github.com/google/uuid"
)

// kind is an event type, its frequency (in 5,000) and its properties.
type kind struct {
	name       string
	weight     int
	properties func(generator) any
}

// base holds the properties of every event.
type base struct {
	Country   string `json:"country"`
	SessionID string `json:"session_id"`
}

type appOpen struct {
	base
	AppVersion string `json:"app_version"`
	OS         string `json:"os"`
}

type viewItem struct {
	base
	ItemID   string      `json:"item_id"`
	Price    json.Number `json:"price"`
	Currency string      `json:"currency"`
}

type messageSent struct {
	base
	Length  int    `json:"length"`
	Channel string `json:"channel"`
}

type addToCart struct {
	base
	ItemID   string `json:"item_id"`
	Quantity int    `json:"qty"`
}

type session struct { // login and logout
	base
	Method string `json:"method"`
}

type purchase struct {
	base
	OrderID       uuid.UUID   `json:"order_id"`
	Amount        json.Number `json:"amount"`
	Currency      string      `json:"currency"`
	PaymentMethod string      `json:"payment_method"`
	Items         int         `json:"items"`
}

var kinds = []kind{
	{"app_open", 1500, func(g generator) any {
		version := fmt.Sprintf("1.%d.%d", g.IntN(10), g.IntN(10))
		return appOpen{g.base(), version, pick(g.Rand, "iOS", "Android", "Web")}
	}},
	{"view_item", 1250, func(g generator) any { return viewItem{g.base(), g.item(), g.money(180), "USD"} }},
	{"message_sent", 900, func(g generator) any {
		return messageSent{g.base(), 1 + g.IntN(500), pick(g.Rand, "private", "group", "channel")}
	}},
	{"add_to_cart", 600, func(g generator) any { return addToCart{g.base(), g.item(), 1 + g.IntN(3)} }},
	{"login", 290, login},
	{"purchase", 250, func(g generator) any {
		method := pick(g.Rand, "card", "paypal", "apple_pay", "google_pay")
		return purchase{g.base(), g.uuid(), g.money(300), "USD", method, 1 + g.IntN(4)}
	}},
	{"logout", 210, login},
}

const totalWeight = 5000

func login(g generator) any {
	return session{g.base(), pick(g.Rand, "password", "google", "apple", "github")}
}

func (g generator) base() base {
	country := pick(g.Rand, "UA", "PL", "DE", "FR", "IT", "ES", "NL", "SE", "RO", "KZ", "GB", "US")
	return base{country, fmt.Sprintf("%08x", g.Uint32())}
}

func (g generator) item() string { return fmt.Sprintf("SKU%d", 1000+g.IntN(9000)) }

func pick(r *rand.Rand, from ...string) string { return from[r.IntN(len(from))] }
