// Examples that work as they are, once the key is in them.

export const languages = ['curl', 'JavaScript', 'Python', 'Go'] as const;
export type Language = (typeof languages)[number];

export function snippet(language: Language, origin: string, key: string): string {
  switch (language) {
    case 'curl':
      return `curl ${origin}/api/events \\
  -H "Authorization: Bearer ${key}" \\
  -H "Content-Type: application/json" \\
  -d '{"event_id": "'$(uuidgen)'", "occurred_at": "'$(date -u +%FT%TZ)'",
       "user_id": "ann", "event_type": "signed_up", "properties": {"plan": "pro"}}'`;
    case 'JavaScript':
      return `await fetch("${origin}/api/events", {
  method: "POST",
  headers: { Authorization: "Bearer ${key}", "Content-Type": "application/json" },
  body: JSON.stringify({
    event_id: crypto.randomUUID(),
    occurred_at: new Date().toISOString(),
    user_id: "ann",
    event_type: "signed_up",
    properties: { plan: "pro" },
  }),
});`;
    case 'Python':
      return `import datetime, json, urllib.request, uuid

event = {
    "event_id": str(uuid.uuid4()),
    "occurred_at": datetime.datetime.now(datetime.timezone.utc).isoformat(),
    "user_id": "ann",
    "event_type": "signed_up",
    "properties": {"plan": "pro"},
}
urllib.request.urlopen(urllib.request.Request(
    "${origin}/api/events",
    data=json.dumps(event).encode(),
    headers={"Authorization": "Bearer ${key}", "Content-Type": "application/json"},
))`;
    case 'Go':
      return `event, err := json.Marshal(map[string]any{
	"event_id": uuid.NewString(), "occurred_at": time.Now(),
	"user_id": "ann", "event_type": "signed_up", "properties": map[string]any{"plan": "pro"},
})
if err != nil {
	return err
}
request, err := http.NewRequest(http.MethodPost, "${origin}/api/events", bytes.NewReader(event))
if err != nil {
	return err
}
request.Header.Set("Authorization", "Bearer ${key}")
request.Header.Set("Content-Type", "application/json")
response, err := http.DefaultClient.Do(request)`;
  }
}
