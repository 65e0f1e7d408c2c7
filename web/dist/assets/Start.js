import{At as e,Bt as t,Dt as n,E as r,Ft as i,Gt as a,Kt as o,Lt as s,Nt as c,Ot as l,U as u,Vt as d,W as f,Wt as p,Y as m,at as h,b as g,ft as _,kt as v,lt as y,mt as b,n as x,nt as S,ot as C,ut as w,vt as T,w as E,wt as D,x as O,xt as k,y as A,yt as j}from"./index.js";import{n as M,t as N}from"./Trouble.js";import{i as P,t as F}from"./question.svelte.js";import{t as I}from"./Copy.js";function L(){let e=crypto.getRandomValues(new Uint8Array(16));return e[6]=e[6]&15|64,e[8]=e[8]&63|128,Array.from(e,e=>e.toString(16).padStart(2,`0`)).join(``).replace(/^(.{8})(.{4})(.{4})(.{4})/,`$1-$2-$3-$4-`)}var R=b(`<section><header><b aria-hidden="true" class="svelte-10hrrs9"> </b> <h2 class="svelte-10hrrs9"> </h2> <!></header> <!></section>`);function z(t,r){let i=f(r,`done`,3,!1);var s=R();let c;var l=n(s),u=n(l),d=v(u,!0),p=e(u,2),m=v(p,!0),g=e(p,2);h(g,()=>r.tools??o),a(l);var y=e(l,2);h(y,()=>r.children),a(s),D(()=>{c=S(s,1,`card svelte-10hrrs9`,null,c,{done:i()}),w(d,r.number),w(m,r.title)}),_(t,s)}var B=b(`<span class="tick svelte-srj2w8"><!></span> <div><p><b> </b> of user <b> </b></p> <p class="muted small"> </p></div> <a class="btn primary svelte-srj2w8">Open the overview</a>`,1),V=b(`<span class="radar svelte-srj2w8"><i class="svelte-srj2w8"></i><i class="svelte-srj2w8"></i></span> <p class="muted small">This changes by itself. Nothing at hand to post with?</p> <button class="btn svelte-srj2w8">Send a test event from here</button>`,1),H=b(`<div class="state svelte-srj2w8" aria-live="polite"><!></div> <!>`,1);function U(o,f){d(f,!0);let p=i(void 0),h=i(void 0),b=i(!1),S=0,C=i(0);u(()=>{let e=!1,t;async function n(){let e=(await E(`/api/stats/events/latest`,F({limit:1}))).data.at(0);t===void 0?t=e?.event_id??``:e&&e.event_id!==t&&T(e)}async function r(){for(;!e&&!k(p);)await n().catch(()=>{}),await new Promise(e=>setTimeout(e,document.hidden?3e3:400))}return r(),()=>e=!0});function T(e){c(p,e),S&&c(C,(performance.now()-S)/1e3)}async function M(){c(b,!0),c(h,void 0),S=performance.now();let e=x.project?.id;try{let{position:t}=await r(`POST`,`/api/events`,{event_id:L(),occurred_at:new Date().toISOString(),user_id:g.user?.username??`test`,event_type:`test_event`,properties:{from:`dashboard`}},{"X-Project":String(e)});Object.assign(P,{project:e,position:t})}catch(e){c(h,e,!0),S=0}finally{c(b,!1)}}{let t=s(()=>k(p)?`It is here`:`Waiting for your first event…`),r=s(()=>k(p)!==void 0);z(o,{number:3,get title(){return k(t)},get done(){return k(r)},children:(t,r)=>{var i=H(),o=l(i),s=n(o),c=t=>{var r=B(),i=l(r),o=n(i);A(o,{name:`check`,size:22}),a(i);var s=e(i,2),c=n(s),u=n(c),d=v(u,!0),f=e(u,2),h=v(f,!0);a(c);var g=e(c,2),y=v(g,!0);a(s);var b=e(s,2);D((e,t)=>{w(d,k(p).event_type),w(h,k(p).user_id),w(y,e),m(b,`href`,t)},[()=>k(C)?`counted ${k(C).toFixed(1)} s after it was sent`:`counted just now`,()=>O.link(`/`)]),_(t,r)},u=t=>{var n=V(),r=e(l(n),4);D(()=>r.disabled=k(b)||!x.mayWrite),j(`click`,r,M),_(t,n)};y(s,e=>{k(p)?e(c):e(u,-1)}),a(o);var d=e(o,2),f=e=>{N(e,{get error(){return k(h)},again:M})};y(d,e=>{k(h)&&e(f)}),_(t,i)},$$slots:{default:!0}})}t()}T([`click`]);var W=b(`<div class="line"><code class="svelte-1o3w4ok"> </code><!></div>`),G=b(`<p class="small svelte-1o3w4ok"> </p>`),K=b(`<button class="btn primary">Make an ingest key</button> <!>`,1),q=b(`<p class="muted small svelte-1o3w4ok">A key of scope <i>ingest</i> can post events and read nothing. It is shown once.</p> <!> <!>`,1);function J(o,s){d(s,!0);let u=i(void 0),f=i(!1);async function p(){c(f,!0),c(u,void 0);try{let e=`Start ${new Date().toISOString().slice(0,16).replace(`T`,` `)}`,t=await r(`POST`,`/api/projects/${x.project?.id}/keys`,{name:e,scope:`ingest`});s.onmade(t.key)}catch(e){c(u,e,!0)}finally{c(f,!1)}}z(o,{number:1,title:`Make a key`,children:(t,r)=>{var i=q(),o=e(l(i),2),c=t=>{var r=W(),i=n(r),o=v(i,!0),c=e(i);I(c,{get text(){return s.key},name:`key`}),a(r),D(()=>w(o,s.key)),_(t,r)},d=t=>{var n=K(),r=l(n),i=e(r,2),a=e=>{var t=G(),n=v(t);D(()=>w(n,`Viewers cannot make keys. Ask an owner of ${x.project.name??``}.`)),_(e,t)};y(i,e=>{x.project&&!x.mayWrite&&e(a)}),D(()=>r.disabled=k(f)||!x.mayWrite),j(`click`,r,p),_(t,n)};y(o,e=>{s.key?e(c):e(d,-1)});var m=e(o,2),h=e=>{N(e,{get error(){return k(u)}})};y(m,e=>{k(u)&&e(h)}),_(t,i)},$$slots:{default:!0}}),t()}T([`click`]);var Y=[`curl`,`JavaScript`,`Python`,`Go`];function X(e,t,n){switch(e){case`curl`:return`curl ${t}/api/events \\
  -H "Authorization: Bearer ${n}" \\
  -H "Content-Type: application/json" \\
  -d '{"event_id": "'$(uuidgen)'", "occurred_at": "'$(date -u +%FT%TZ)'",
       "user_id": "ann", "event_type": "signed_up", "properties": {"plan": "pro"}}'`;case`JavaScript`:return`await fetch("${t}/api/events", {
  method: "POST",
  headers: { Authorization: "Bearer ${n}", "Content-Type": "application/json" },
  body: JSON.stringify({
    event_id: crypto.randomUUID(),
    occurred_at: new Date().toISOString(),
    user_id: "ann",
    event_type: "signed_up",
    properties: { plan: "pro" },
  }),
});`;case`Python`:return`import datetime, json, urllib.request, uuid

event = {
    "event_id": str(uuid.uuid4()),
    "occurred_at": datetime.datetime.now(datetime.timezone.utc).isoformat(),
    "user_id": "ann",
    "event_type": "signed_up",
    "properties": {"plan": "pro"},
}
urllib.request.urlopen(urllib.request.Request(
    "${t}/api/events",
    data=json.dumps(event).encode(),
    headers={"Authorization": "Bearer ${n}", "Content-Type": "application/json"},
))`;case`Go`:return`event, err := json.Marshal(map[string]any{
	"event_id": uuid.NewString(), "occurred_at": time.Now(),
	"user_id": "ann", "event_type": "signed_up", "properties": map[string]any{"plan": "pro"},
})
if err != nil {
	return err
}
request, err := http.NewRequest(http.MethodPost, "${t}/api/events", bytes.NewReader(event))
if err != nil {
	return err
}
request.Header.Set("Authorization", "Bearer ${n}")
request.Header.Set("Content-Type", "application/json")
response, err := http.DefaultClient.Do(request)`}}var Z=b(`<button> </button>`),Q=b(`<div class="seg" role="group" aria-label="Language"></div>`),$=b(`<div class="code svelte-4kv33l"><pre tabindex="0" class="svelte-4kv33l"> </pre> <!></div> <p class="muted small">Send the same event again as often as you like: its <code>event_id</code> makes it count once. <a href="/docs" class="svelte-4kv33l">All fields and limits</a></p>`,1);function ee(r,o){d(o,!0);let u=i(`curl`),f=s(()=>X(k(u),location.origin,o.key||`YOUR_KEY`));z(r,{number:2,title:`Post an event`,tools:e=>{var t=Q();C(t,20,()=>Y,e=>e,(e,t)=>{var n=Z(),r=v(n,!0);D(()=>{m(n,`aria-pressed`,k(u)===t),w(r,t)}),j(`click`,n,()=>c(u,t,!0)),_(e,n)}),a(t),_(e,t)},children:(t,r)=>{var i=$(),o=l(i),s=n(o),c=v(s,!0),d=e(s,2);I(d,{get text(){return k(f)},name:`example`}),a(o),p(2),D(()=>{m(s,`aria-label`,`${k(u)??``} example`),w(c,k(f))}),_(t,i)},$$slots:{tools:!0,default:!0}}),t()}T([`click`]);var te=b(`<!> <div class="stack svelte-hm7qji"><!> <!> <!></div>`,1);function ne(t){let r=i(``);var o=te(),s=l(o);M(s,{title:`Send your first event`,ranged:!1,zoned:!1});var u=e(s,2),d=n(u);J(d,{get key(){return k(r)},onmade:e=>c(r,e,!0)});var f=e(d,2);ee(f,{get key(){return k(r)}}),U(e(f,2),{}),a(u),_(t,o)}export{ne as default};