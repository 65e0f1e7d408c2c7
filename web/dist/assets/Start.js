import{$ as e,$t as t,D as n,Dt as r,Ht as i,It as a,K as o,Kt as s,Lt as c,Rt as l,S as u,Tt as d,Wt as f,Xt as p,Yt as m,bt as h,dt as g,en as _,gt as v,jt as y,k as b,mt as x,n as S,ot as C,q as w,r as T,tn as E,ut as D,vt as O,w as k,wt as A,zt as j}from"./index.js";import{n as M,t as N}from"./Trouble.js";import{i as P,t as F}from"./question.svelte.js";import{t as I}from"./Copy.js";function L(){let e=crypto.getRandomValues(new Uint8Array(16));return e[6]=e[6]&15|64,e[8]=e[8]&63|128,Array.from(e,e=>e.toString(16).padStart(2,`0`)).join(``).replace(/^(.{8})(.{4})(.{4})(.{4})/,`$1-$2-$3-$4-`)}var R=h(`<section><header><b aria-hidden="true" class="svelte-10hrrs9"> </b> <h2 class="svelte-10hrrs9"> </h2> <!></header> <!></section>`);function z(e,t){let n=w(t,`done`,3,!1);var r=R();let i;var o=a(r),s=a(o),c=l(s,!0),u=j(s,2),d=l(u,!0),f=j(u,2);D(f,()=>t.tools??E),_(o);var p=j(o,2);D(p,()=>t.children),_(r),y(()=>{i=C(r,1,`card svelte-10hrrs9`,null,i,{done:n()}),v(c,t.number),v(d,t.title)}),O(e,r)}var B=h(`<span class="tick svelte-srj2w8"><!></span> <div><p><b> </b> of user <b> </b></p> <p class="muted small"> </p></div> <a class="btn primary svelte-srj2w8">Open the overview</a>`,1),V=h(`<span class="radar svelte-srj2w8"><i class="svelte-srj2w8"></i><i class="svelte-srj2w8"></i></span> <p class="muted small">This changes by itself. Nothing at hand to post with?</p> <button class="btn svelte-srj2w8">Send a test event from here</button>`,1),H=h(`<div class="state svelte-srj2w8" aria-live="polite"><!></div> <!>`,1);function U(t,h){p(h,!0);let g=f(void 0),C=f(void 0),w=f(!1),E=0,D=f(0);o(()=>{let e=!1,t;async function i(){let e=(await n(`/api/stats/events/latest`,F({limit:1}))).data.at(0);t===void 0?t=e?.event_id??``:e&&e.event_id!==t&&A(e)}async function a(){for(;!e&&!r(g);)await i().catch(()=>{}),await new Promise(e=>setTimeout(e,document.hidden?3e3:400))}return a(),()=>e=!0});function A(e){i(g,e),E&&i(D,(performance.now()-E)/1e3)}async function M(){i(w,!0),i(C,void 0),E=performance.now();let e=T.project?.id;try{let{position:t}=await b(`POST`,`/api/events`,{event_id:L(),occurred_at:new Date().toISOString(),user_id:u.user?.username??`test`,event_type:`test_event`,properties:{from:`dashboard`}},{"X-Project":String(e)});Object.assign(P,{project:e,position:t})}catch(e){i(C,e,!0),E=0}finally{i(w,!1)}}{let n=s(()=>r(g)?`It is here`:`Waiting for your first event…`),i=s(()=>r(g)!==void 0);z(t,{number:3,get title(){return r(n)},get done(){return r(i)},children:(t,n)=>{var i=H(),o=c(i),s=a(o),u=t=>{var n=B(),i=c(n),o=a(i);S(o,{name:`check`,size:22}),_(i);var s=j(i,2),u=a(s),d=a(u),f=l(d,!0),p=j(d,2),m=l(p,!0);_(u);var h=j(u,2),b=l(h,!0);_(s);var x=j(s,2);y((t,n)=>{v(f,r(g).event_type),v(m,r(g).user_id),v(b,t),e(x,`href`,n)},[()=>r(D)?`counted ${r(D).toFixed(1)} s after it was sent`:`counted just now`,()=>k.link(`/`)]),O(t,n)},f=e=>{var t=V(),n=j(c(t),4);y(()=>n.disabled=r(w)||!T.mayWrite),d(`click`,n,M),O(e,t)};x(s,e=>{r(g)?e(u):e(f,-1)}),_(o);var p=j(o,2),m=e=>{N(e,{get error(){return r(C)},again:M})};x(p,e=>{r(C)&&e(m)}),O(t,i)},$$slots:{default:!0}})}m()}A([`click`]);var W=h(`<div class="line"><code class="svelte-1o3w4ok"> </code><!></div>`),G=h(`<p class="small svelte-1o3w4ok"> </p>`),K=h(`<button class="btn primary">Make an ingest key</button> <!>`,1),q=h(`<p class="muted small svelte-1o3w4ok">A key of scope <i>ingest</i> can post events and read nothing. It is shown once.</p> <!> <!>`,1);function J(e,t){p(t,!0);let n=f(void 0),o=f(!1);async function s(){i(o,!0),i(n,void 0);try{let e=`Start ${new Date().toISOString().slice(0,16).replace(`T`,` `)}`,n=await b(`POST`,`/api/projects/${T.project?.id}/keys`,{name:e,scope:`ingest`});t.onmade(n.key)}catch(e){i(n,e,!0)}finally{i(o,!1)}}z(e,{number:1,title:`Make a key`,children:(e,i)=>{var u=q(),f=j(c(u),2),p=e=>{var n=W(),r=a(n),i=l(r,!0),o=j(r);I(o,{get text(){return t.key},name:`key`}),_(n),y(()=>v(i,t.key)),O(e,n)},m=e=>{var t=K(),n=c(t),i=j(n,2),a=e=>{var t=G(),n=l(t);y(()=>v(n,`Viewers cannot make keys. Ask an owner of ${T.project.name??``}.`)),O(e,t)};x(i,e=>{T.project&&!T.mayWrite&&e(a)}),y(()=>n.disabled=r(o)||!T.mayWrite),d(`click`,n,s),O(e,t)};x(f,e=>{t.key?e(p):e(m,-1)});var h=j(f,2),g=e=>{N(e,{get error(){return r(n)}})};x(h,e=>{r(n)&&e(g)}),O(e,u)},$$slots:{default:!0}}),m()}A([`click`]);var Y=[`curl`,`JavaScript`,`Python`,`Go`];function X(e,t,n){switch(e){case`curl`:return`curl ${t}/api/events \\
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
response, err := http.DefaultClient.Do(request)`}}var Z=h(`<button> </button>`),Q=h(`<div class="seg" role="group" aria-label="Language"></div>`),$=h(`<div class="code svelte-4kv33l"><pre tabindex="0" class="svelte-4kv33l"> </pre> <!></div> <p class="muted small">Send the same event again as often as you like: its <code>event_id</code> makes it count once. <a href="/docs" class="svelte-4kv33l">All fields and limits</a></p>`,1);function ee(n,o){p(o,!0);let u=f(`curl`),h=s(()=>X(r(u),location.origin,o.key||`YOUR_KEY`));z(n,{number:2,title:`Post an event`,tools:t=>{var n=Q();g(n,20,()=>Y,e=>e,(t,n)=>{var a=Z(),o=l(a,!0);y(()=>{e(a,`aria-pressed`,r(u)===n),v(o,n)}),d(`click`,a,()=>i(u,n,!0)),O(t,a)}),_(n),O(t,n)},children:(n,i)=>{var o=$(),s=c(o),d=a(s),f=l(d,!0),p=j(d,2);I(p,{get text(){return r(h)},name:`example`}),_(s),t(2),y(()=>{e(d,`aria-label`,`${r(u)??``} example`),v(f,r(h))}),O(n,o)},$$slots:{tools:!0,default:!0}}),m()}A([`click`]);var te=h(`<!> <div class="stack svelte-hm7qji"><!> <!> <!></div>`,1);function ne(e){let t=f(``);var n=te(),o=c(n);M(o,{title:`Send your first event`,ranged:!1,zoned:!1});var s=j(o,2),l=a(s);J(l,{get key(){return r(t)},onmade:e=>i(t,e,!0)});var u=j(l,2);ee(u,{get key(){return r(t)}}),U(j(u,2),{}),_(s),O(e,n)}export{ne as default};