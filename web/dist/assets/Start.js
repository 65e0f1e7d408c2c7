import{$t as e,A as t,Bt as n,C as r,Dt as i,Et as a,Gt as o,Ht as s,J as c,O as l,Pt as u,Qt as d,St as f,T as p,Vt as m,Yt as h,bt as g,et as _,ft as v,gt as y,i as b,in as x,kt as S,n as C,nn as w,pt as T,q as E,qt as D,rn as O,st as k,vt as A,zt as j}from"./index.js";import{t as M}from"./Head.js";import{i as N,t as P}from"./question.svelte.js";import{t as F}from"./Trouble.js";import{t as I}from"./Copy.js";function L(){let e=crypto.getRandomValues(new Uint8Array(16));return e[6]=e[6]&15|64,e[8]=e[8]&63|128,Array.from(e,e=>e.toString(16).padStart(2,`0`)).join(``).replace(/^(.{8})(.{4})(.{4})(.{4})/,`$1-$2-$3-$4-`)}var R=f(`<section><header><b aria-hidden="true" class="svelte-10hrrs9"> </b> <h2 class="svelte-10hrrs9"> </h2> <!></header> <!></section>`);function z(e,t){let n=c(t,`done`,3,!1);var r=R();let i;var a=j(r),o=j(a),l=m(o,!0),d=s(o,2),f=m(d,!0),p=s(d,2);v(p,()=>t.tools??x),O(a);var h=s(a,2);v(h,()=>t.children),O(r),u(()=>{i=k(r,1,`card svelte-10hrrs9`,null,i,{done:n()}),A(l,t.number),A(f,t.title)}),g(e,r)}var B=f(`<span class="tick svelte-srj2w8"><!></span> <div><p><b> </b> of user <b> </b></p> <p class="muted small"> </p></div> <a class="btn primary svelte-srj2w8">Open the overview</a>`,1),V=f(`<span class="radar svelte-srj2w8"><i class="svelte-srj2w8"></i><i class="svelte-srj2w8"></i></span> <p class="muted small">This changes by itself. Nothing at hand to post with?</p> <button class="btn svelte-srj2w8">Send a test event from here</button>`,1),H=f(`<div class="state svelte-srj2w8" aria-live="polite"><!></div> <!>`,1);function U(a,c){e(c,!0);let f=D(void 0),v=D(void 0),x=D(!1),w=0,T=D(0);E(()=>{let e=!1,t;async function n(){let e=(await l(`/api/stats/events/latest`,P({limit:1}))).data.at(0);t===void 0?t=e?.event_id??``:e&&e.event_id!==t&&k(e)}async function r(){for(;!e&&!S(f);)await n().catch(()=>{}),await new Promise(e=>setTimeout(e,document.hidden?3e3:400))}return r(),()=>e=!0});function k(e){o(f,e),w&&o(T,(performance.now()-w)/1e3)}async function M(){o(x,!0),o(v,void 0),w=performance.now();let e=b.project?.id;try{let{position:n}=await t(`POST`,`/api/events`,{event_id:L(),occurred_at:new Date().toISOString(),user_id:r.user?.username??`test`,event_type:`test_event`,properties:{from:`dashboard`}},{"X-Project":String(e)});Object.assign(N,{project:e,position:n})}catch(e){o(v,e,!0),w=0}finally{o(x,!1)}}{let e=h(()=>S(f)?`It is here`:`Waiting for your first event…`),t=h(()=>S(f)!==void 0);z(a,{number:3,get title(){return S(e)},get done(){return S(t)},children:(e,t)=>{var r=H(),a=n(r),o=j(a),c=e=>{var t=B(),r=n(t),i=j(r);C(i,{name:`check`,size:22}),O(r);var a=s(r,2),o=j(a),c=j(o),l=m(c,!0),d=s(c,2),h=m(d,!0);O(o);var v=s(o,2),y=m(v,!0);O(a);var b=s(a,2);u((e,t)=>{A(l,S(f).event_type),A(h,S(f).user_id),A(y,e),_(b,`href`,t)},[()=>S(T)?`counted ${S(T).toFixed(1)} s after it was sent`:`counted just now`,()=>p.link(`/`)]),g(e,t)},l=e=>{var t=V(),r=s(n(t),4);u(()=>r.disabled=S(x)||!b.mayWrite),i(`click`,r,M),g(e,t)};y(o,e=>{S(f)?e(c):e(l,-1)}),O(a);var d=s(a,2),h=e=>{F(e,{get error(){return S(v)},again:M})};y(d,e=>{S(v)&&e(h)}),g(e,r)},$$slots:{default:!0}})}d()}a([`click`]);var W=f(`<div class="line"><code class="svelte-1o3w4ok"> </code><!></div>`),G=f(`<p class="small svelte-1o3w4ok"> </p>`),K=f(`<button class="btn primary">Make an ingest key</button> <!>`,1),q=f(`<p class="muted small svelte-1o3w4ok">A key of scope <i>ingest</i> can post events and read nothing. It is shown once.</p> <!> <!>`,1);function J(r,a){e(a,!0);let c=D(void 0),l=D(!1);async function f(){o(l,!0),o(c,void 0);try{let e=`Start ${new Date().toISOString().slice(0,16).replace(`T`,` `)}`,n=await t(`POST`,`/api/projects/${b.project?.id}/keys`,{name:e,scope:`ingest`});a.onmade(n.key)}catch(e){o(c,e,!0)}finally{o(l,!1)}}z(r,{number:1,title:`Make a key`,children:(e,t)=>{var r=q(),o=s(n(r),2),d=e=>{var t=W(),n=j(t),r=m(n,!0),i=s(n);I(i,{get text(){return a.key},name:`key`}),O(t),u(()=>A(r,a.key)),g(e,t)},p=e=>{var t=K(),r=n(t),a=s(r,2),o=e=>{var t=G(),n=m(t);u(()=>A(n,`Viewers cannot make keys. Ask an owner of ${b.project.name??``}.`)),g(e,t)};y(a,e=>{b.project&&!b.mayWrite&&e(o)}),u(()=>r.disabled=S(l)||!b.mayWrite),i(`click`,r,f),g(e,t)};y(o,e=>{a.key?e(d):e(p,-1)});var h=s(o,2),_=e=>{F(e,{get error(){return S(c)}})};y(h,e=>{S(c)&&e(_)}),g(e,r)},$$slots:{default:!0}}),d()}a([`click`]);var Y=[`curl`,`JavaScript`,`Python`,`Go`];function X(e,t,n){switch(e){case`curl`:return`curl ${t}/api/events \\
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
response, err := http.DefaultClient.Do(request)`}}var Z=f(`<button> </button>`),Q=f(`<div class="seg" role="group" aria-label="Language"></div>`),$=f(`<div class="code svelte-4kv33l"><pre tabindex="0" class="svelte-4kv33l"> </pre> <!></div> <p class="muted small">Send the same event again as often as you like: its <code>event_id</code> makes it count once. <a href="/docs" class="svelte-4kv33l">All fields and limits</a></p>`,1);function ee(t,r){e(r,!0);let a=D(`curl`),c=h(()=>X(S(a),location.origin,r.key||`YOUR_KEY`));z(t,{number:2,title:`Post an event`,tools:e=>{var t=Q();T(t,20,()=>Y,e=>e,(e,t)=>{var n=Z(),r=m(n,!0);u(()=>{_(n,`aria-pressed`,S(a)===t),A(r,t)}),i(`click`,n,()=>o(a,t,!0)),g(e,n)}),O(t),g(e,t)},children:(e,t)=>{var r=$(),i=n(r),o=j(i),l=m(o,!0),d=s(o,2);I(d,{get text(){return S(c)},name:`example`}),O(i),w(2),u(()=>{_(o,`aria-label`,`${S(a)??``} example`),A(l,S(c))}),g(e,r)},$$slots:{tools:!0,default:!0}}),d()}a([`click`]);var te=f(`<!> <div class="stack svelte-hm7qji"><!> <!> <!></div>`,1);function ne(e){let t=D(``);var r=te(),i=n(r);M(i,{title:`Send your first event`,ranged:!1,zoned:!1});var a=s(i,2),c=j(a);J(c,{get key(){return S(t)},onmade:e=>o(t,e,!0)});var l=s(c,2);ee(l,{get key(){return S(t)}}),U(s(l,2),{}),O(a),g(e,r)}export{ne as default};