import{$t as e,Bt as t,Dt as n,Et as r,F as i,Gt as a,It as o,Jt as s,Kt as c,Nt as l,O as u,Pt as d,Xt as f,Zt as p,a as m,an as h,bt as g,ct as _,et as v,ht as y,in as b,j as x,kt as S,n as C,nn as w,o as T,on as E,qt as D,rn as O,tt as k,wt as A,xt as j}from"./index.js";import{t as M}from"./Head.js";import{t as N}from"./question.svelte.js";import{t as P}from"./uuid.js";import{t as F}from"./written.svelte.js";import{t as I}from"./Trouble.js";import{t as L}from"./Copy.js";var R=S(`<section><header><b aria-hidden="true" class="svelte-10hrrs9"> </b> <h2 class="svelte-10hrrs9"> </h2> <!></header> <!></section>`);function z(e,i){let o=k(i,`done`,3,!1);var c=R();let l;var u=a(c),d=a(u),f=D(d,!0),p=s(d,2),m=D(p,!0),_=s(p,2);g(_,()=>i.tools??E),h(u);var v=s(u,2);g(v,()=>i.children),h(c),t(()=>{l=y(c,1,`card svelte-10hrrs9`,null,l,{done:o()}),r(f,i.number),r(m,i.title)}),n(e,c)}var B=S(`<span class="tick svelte-srj2w8"><!></span> <div><p><b> </b> of user <b> </b></p> <p class="muted small"> </p></div> <a class="btn primary svelte-srj2w8">Open the overview</a>`,1),V=S(`<span class="radar svelte-srj2w8"><i class="svelte-srj2w8"></i><i class="svelte-srj2w8"></i></span> <p class="muted small">This changes by itself. Nothing at hand to post with?</p> <button class="btn svelte-srj2w8">Send a test event from here</button>`,1),H=S(`<div class="state svelte-srj2w8" aria-live="polite"><!></div> <!>`,1);function U(l,g){O(g,!0);let y=p(void 0),b=p(void 0),S=p(!1),E=0,k=p(0);v(()=>{let e=!1,t;async function n(){let e=(await x(`/api/stats/events/latest`,N({limit:1}))).data.at(0);t===void 0?t=e?.event_id??``:e&&e.event_id!==t&&j(e)}async function r(){for(;!e&&!o(y);)await n().catch(()=>{}),await new Promise(e=>setTimeout(e,document.hidden?3e3:400))}return r(),()=>e=!0});function j(e){f(y,e),E&&f(k,(performance.now()-E)/1e3)}async function M(){f(S,!0),f(b,void 0),E=performance.now();let e=m.project?.id;try{let{position:t}=await i(`POST`,`/api/events`,{event_id:P(),occurred_at:new Date().toISOString(),user_id:T.user?.username??`test`,event_type:`test_event`,properties:{from:`dashboard`}},{"X-Project":String(e)});Object.assign(F,{project:e,position:t})}catch(e){f(b,e,!0),E=0}finally{f(S,!1)}}{let i=e(()=>o(y)?`It is here`:`Waiting for your first event…`),f=e(()=>o(y)!==void 0);z(l,{number:3,get title(){return o(i)},get done(){return o(f)},children:(e,i)=>{var l=H(),f=c(l),p=a(f),g=e=>{var i=B(),l=c(i),d=a(l);C(d,{name:`check`,size:22}),h(l);var f=s(l,2),p=a(f),m=a(p),g=D(m,!0),v=s(m,2),b=D(v,!0);h(p);var x=s(p,2),S=D(x,!0);h(f);var w=s(f,2);t((e,t)=>{r(g,o(y).event_type),r(b,o(y).user_id),r(S,e),_(w,`href`,t)},[()=>o(k)?`counted ${o(k).toFixed(1)} s after it was sent`:`counted just now`,()=>u.link(`/`)]),n(e,i)},v=e=>{var r=V(),i=s(c(r),4);t(()=>i.disabled=o(S)||!m.mayWrite),d(`click`,i,M),n(e,r)};A(p,e=>{o(y)?e(g):e(v,-1)}),h(f);var x=s(f,2),w=e=>{I(e,{get error(){return o(b)},again:M})};A(x,e=>{o(b)&&e(w)}),n(e,l)},$$slots:{default:!0}})}w()}l([`click`]);var W=S(`<div class="line"><code class="svelte-1o3w4ok"> </code><!></div>`),G=S(`<p class="small svelte-1o3w4ok"> </p>`),K=S(`<button class="btn primary">Make an ingest key</button> <!>`,1),q=S(`<p class="muted small svelte-1o3w4ok">A key of scope <i>ingest</i> can post events and read nothing. It is shown once.</p> <!> <!>`,1);function J(e,l){O(l,!0);let u=p(void 0),g=p(!1);async function _(){f(g,!0),f(u,void 0);try{let e=`Start ${new Date().toISOString().slice(0,16).replace(`T`,` `)}`,t=await i(`POST`,`/api/projects/${m.project?.id}/keys`,{name:e,scope:`ingest`});l.onmade(t.key)}catch(e){f(u,e,!0)}finally{f(g,!1)}}z(e,{number:1,title:`Make a key`,children:(e,i)=>{var f=q(),p=s(c(f),2),v=e=>{var i=W(),o=a(i),c=D(o,!0),u=s(o);L(u,{get text(){return l.key},name:`key`}),h(i),t(()=>r(c,l.key)),n(e,i)},y=e=>{var i=K(),a=c(i),l=s(a,2),u=e=>{var i=G(),a=D(i);t(()=>r(a,`Viewers cannot make keys. Ask an owner of ${m.project.name??``}.`)),n(e,i)};A(l,e=>{m.project&&!m.mayWrite&&e(u)}),t(()=>a.disabled=o(g)||!m.mayWrite),d(`click`,a,_),n(e,i)};A(p,e=>{l.key?e(v):e(y,-1)});var b=s(p,2),x=e=>{I(e,{get error(){return o(u)}})};A(b,e=>{o(u)&&e(x)}),n(e,f)},$$slots:{default:!0}}),w()}l([`click`]);var Y=[`curl`,`JavaScript`,`Python`,`Go`];function X(e,t,n){switch(e){case`curl`:return`curl ${t}/api/events \\
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
response, err := http.DefaultClient.Do(request)`}}var Z=S(`<button> </button>`),Q=S(`<div class="seg" role="group" aria-label="Language"></div>`),$=S(`<div class="code svelte-4kv33l"><pre tabindex="0" class="svelte-4kv33l"> </pre> <!></div> <p class="muted small">Send the same event again as often as you like: its <code>event_id</code> makes it count once. <a href="/docs" class="svelte-4kv33l">All fields and limits</a></p>`,1);function ee(i,l){O(l,!0);let u=p(`curl`),m=e(()=>X(o(u),location.origin,l.key||`YOUR_KEY`));z(i,{number:2,title:`Post an event`,tools:e=>{var i=Q();j(i,20,()=>Y,e=>e,(e,i)=>{var a=Z(),s=D(a,!0);t(()=>{_(a,`aria-pressed`,o(u)===i),r(s,i)}),d(`click`,a,()=>f(u,i,!0)),n(e,a)}),h(i),n(e,i)},children:(e,i)=>{var l=$(),d=c(l),f=a(d),p=D(f,!0),g=s(f,2);L(g,{get text(){return o(m)},name:`example`}),h(d),b(2),t(()=>{_(f,`aria-label`,`${o(u)??``} example`),r(p,o(m))}),n(e,l)},$$slots:{tools:!0,default:!0}}),w()}l([`click`]);var te=S(`<p class="small muted">Is there history in a file? <a class="svelte-hm7qji">Import a CSV or NDJSON file</a></p>`),ne=S(`<!> <div class="stack svelte-hm7qji"><!> <!> <!> <!></div>`,1);function re(e,r){O(r,!0);let i=p(``);var l=ne(),d=c(l);M(d,{title:`Send your first event`,ranged:!1,zoned:!1});var g=s(d,2),v=a(g);J(v,{get key(){return o(i)},onmade:e=>f(i,e,!0)});var y=s(v,2);ee(y,{get key(){return o(i)}});var b=s(y,2);U(b,{});var x=s(b,2),S=e=>{var r=te(),i=s(a(r));h(r),t(e=>_(i,`href`,e),[()=>u.link(`/settings`,{tab:`import`})]),n(e,r)};A(x,e=>{m.mayWrite&&e(S)}),h(g),n(e,l),w()}export{re as default};