import{$n as e,Bn as t,Bt as n,Ht as r,In as i,Kn as a,Ln as o,M as s,N as c,P as l,Un as u,Wn as d,Xn as f,Zn as p,_n as m,_r as h,br as g,cr as _,dr as v,fr as y,gn as b,gr as x,gt as S,jn as C,k as w,lr as T,nr as E,or as D,pr as O,qt as k,sr as A,vr as j,vt as M,wn as N,yr as P,yt as F}from"./shared.js";import{t as I}from"./uuid.js";import{t as L}from"./Copy.js";var R=a(`<section><header><b aria-hidden="true" class="svelte-10hrrs9"> </b> <h2 class="svelte-10hrrs9"> </h2> <!></header> <!></section>`);function z(e,t){let n=m(t,`done`,3,!1);var r=R();let a;var o=D(r),s=D(o),c=_(s,!0),l=T(s,2),f=_(l,!0),p=T(l,2);i(p,()=>t.tools??g),P(o);var h=T(o,2);i(h,()=>t.children),P(r),E(()=>{a=C(r,1,`card svelte-10hrrs9`,null,a,{done:n()}),u(c,t.number),u(f,t.title)}),d(e,r)}var B=a(`<span class="tick svelte-srj2w8"><!></span> <div><p><b> </b> of user <b> </b></p> <p class="muted small"> </p></div> <a class="btn primary svelte-srj2w8">Open the overview</a>`,1),V=a(`<span class="radar svelte-srj2w8"><i class="svelte-srj2w8"></i><i class="svelte-srj2w8"></i></span> <p class="muted small">This is updated automatically. Nothing at hand to post with?</p> <button class="btn svelte-srj2w8">Send a test event from here</button>`,1),H=a(`<div class="state svelte-srj2w8" aria-live="polite"><!></div> <!>`,1);function U(i,a){h(a,!0);let o=y(void 0),l=y(void 0),f=y(!1),m=0,g=y(0),C=y(void 0);b(()=>{let t=!1;async function n(){let t=(await r(`/api/stats/events/latest`,w({limit:1}))).data.at(0);e(C)===void 0?v(C,t?.event_id??``,!0):t&&t.event_id!==e(C)&&j(t)}async function i(){for(;!t&&!e(o);)await n().catch(()=>{}),await new Promise(e=>setTimeout(e,document.hidden?3e3:400))}return i(),()=>t=!0});function j(e){v(o,e),m&&v(g,(performance.now()-m)/1e3)}async function L(){v(f,!0),v(l,void 0),m=performance.now();let e=M.project?.id;try{let{position:t}=await k(`POST`,`/api/events`,{event_id:I(),occurred_at:new Date().toISOString(),user_id:F.user?.username??`test`,event_type:`test_event`,properties:{from:`dashboard`}},{"X-Project":String(e)});Object.assign(s,{project:e,position:t})}catch(e){v(l,e,!0),m=0}finally{v(f,!1)}}{let r=O(()=>e(o)?`It is here`:e(C)?`Waiting for the next event…`:`Waiting for your first event…`),a=O(()=>e(o)!==void 0);z(i,{number:3,get title(){return e(r)},get done(){return e(a)},children:(r,i)=>{var a=H(),s=A(a),m=D(s),h=t=>{var r=B(),i=A(r),a=D(i);S(a,{name:`check`,size:22}),P(i);var s=T(i,2),c=D(s),l=D(c),f=_(l,!0),p=T(l,2),m=_(p,!0);P(c);var h=T(c,2),v=_(h,!0);P(s);var y=T(s,2);E((t,n)=>{u(f,e(o).event_type),u(m,e(o).user_id),u(v,t),N(y,`href`,n)},[()=>e(g)?`counted ${e(g).toFixed(1)} s after it was sent`:`counted just now`,()=>n.link(`/`)]),d(t,r)},v=t=>{var n=V(),r=T(A(n),4);E(()=>r.disabled=e(f)||!M.mayWrite),p(`click`,r,L),d(t,n)};t(m,t=>{e(o)?t(h):t(v,-1)}),P(s);var y=T(s,2),b=t=>{c(t,{get error(){return e(l)},again:L})};t(y,t=>{e(l)&&t(b)}),d(r,a)},$$slots:{default:!0}})}x()}f([`click`]);var W=a(`<div class="line"><code class="svelte-1o3w4ok"> </code><!></div>`),G=a(`<p class="small svelte-1o3w4ok"> </p>`),K=a(`<button class="btn primary">Make an ingest key</button> <!>`,1),q=a(`<p class="muted small svelte-1o3w4ok">A key of scope <i>ingest</i> can post events and read nothing. It is shown once.</p> <!> <!>`,1);function J(n,r){h(r,!0);let i=y(void 0),a=y(!1);async function o(){v(a,!0),v(i,void 0);try{let e=`Start ${new Date().toISOString().slice(0,16).replace(`T`,` `)}`,t=await k(`POST`,`/api/projects/${M.project?.id}/keys`,{name:e,scope:`ingest`});r.onmade(t.key)}catch(e){v(i,e,!0)}finally{v(a,!1)}}z(n,{number:1,title:`Make a key`,children:(n,s)=>{var l=q(),f=T(A(l),2),m=e=>{var t=W(),n=D(t),i=_(n,!0),a=T(n);L(a,{get text(){return r.key},name:`key`}),P(t),E(()=>u(i,r.key)),d(e,t)},h=n=>{var r=K(),i=A(r),s=T(i,2),c=e=>{var t=G(),n=_(t);E(()=>u(n,`Only owners make keys. Ask an owner of ${M.project.name??``}.`)),d(e,t)};t(s,e=>{M.project&&!M.mayManage&&e(c)}),E(()=>i.disabled=e(a)||!M.mayManage),p(`click`,i,o),d(n,r)};t(f,e=>{r.key?e(m):e(h,-1)});var g=T(f,2),v=t=>{c(t,{get error(){return e(i)}})};t(g,t=>{e(i)&&t(v)}),d(n,l)},$$slots:{default:!0}}),x()}f([`click`]);var Y=[`curl`,`JavaScript`,`Python`,`Go`];function X(e,t,n){switch(e){case`curl`:return`curl ${t}/api/events \\
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
response, err := http.DefaultClient.Do(request)`}}var Z=a(`<button> </button>`),Q=a(`<div class="seg" role="group" aria-label="Language"></div>`),$=a(`<div class="code svelte-4kv33l"><pre tabindex="0" class="svelte-4kv33l"> </pre> <!></div> <p class="muted small">Send the same event again as often as you like: its <code>event_id</code> makes it count once. <a href="/docs" class="svelte-4kv33l">All fields and limits</a></p>`,1);function ee(t,n){h(n,!0);let r=y(`curl`),i=O(()=>X(e(r),location.origin,n.key||`YOUR_KEY`));z(t,{number:2,title:`Post an event`,tools:t=>{var n=Q();o(n,20,()=>Y,e=>e,(t,n)=>{var i=Z(),a=_(i,!0);E(()=>{N(i,`aria-pressed`,e(r)===n),u(a,n)}),p(`click`,i,()=>v(r,n,!0)),d(t,i)}),P(n),d(t,n)},children:(t,n)=>{var a=$(),o=A(a),s=D(o),c=_(s,!0),l=T(s,2);L(l,{get text(){return e(i)},name:`example`}),P(o),j(2),E(()=>{N(s,`aria-label`,`${e(r)??``} example`),u(c,e(i))}),d(t,a)},$$slots:{tools:!0,default:!0}}),x()}f([`click`]);var te=a(`<p class="small muted">Is there history in a file? <a class="svelte-hm7qji">Import a CSV or NDJSON file</a></p>`),ne=a(`<!> <div class="stack svelte-hm7qji"><!> <!> <!> <!></div>`,1);function re(r,i){h(i,!0);let a=y(``);var o=ne(),s=A(o);l(s,{title:`Send your first event`,ranged:!1,zoned:!1});var c=T(s,2),u=D(c);J(u,{get key(){return e(a)},onmade:e=>v(a,e,!0)});var f=T(u,2);ee(f,{get key(){return e(a)}});var p=T(f,2);U(p,{});var m=T(p,2),g=e=>{var t=te(),r=T(D(t));P(t),E(e=>N(r,`href`,e),[()=>n.link(`/settings`,{tab:`import`})]),d(e,t)};t(m,e=>{M.mayWrite&&e(g)}),P(c),d(r,o),x()}export{re as default};