import{At as e,Bt as t,Dt as n,E as r,Ft as i,Gt as a,Lt as o,Nt as s,Ot as c,U as l,Ut as u,W as d,Wt as f,Y as p,at as m,b as h,ft as g,kt as _,lt as v,mt as y,n as b,nt as x,ot as S,ut as C,vt as w,w as T,wt as E,x as D,xt as O,y as k,yt as A,zt as j}from"./index.js";import{n as M,t as N}from"./Trouble.js";import{t as P}from"./question.svelte.js";import{t as F}from"./Copy.js";var I=y(`<section><header><b aria-hidden="true" class="svelte-10hrrs9"> </b> <h2 class="svelte-10hrrs9"> </h2> <!></header> <!></section>`);function L(t,r){let i=d(r,`done`,3,!1);var o=I();let s;var c=n(o),l=n(c),u=_(l,!0),p=e(l,2),h=_(p,!0),v=e(p,2);m(v,()=>r.tools??a),f(c);var y=e(c,2);m(y,()=>r.children),f(o),E(()=>{s=x(o,1,`card svelte-10hrrs9`,null,s,{done:i()}),C(u,r.number),C(h,r.title)}),g(t,o)}var R=y(`<span class="tick svelte-srj2w8"><!></span> <div><p><b> </b> of user <b> </b></p> <p class="muted small"> </p></div> <a class="btn primary svelte-srj2w8">Open the overview</a>`,1),z=y(`<span class="radar svelte-srj2w8"><i class="svelte-srj2w8"></i><i class="svelte-srj2w8"></i></span> <p class="muted small">This changes by itself. Nothing at hand to post with?</p> <button class="btn svelte-srj2w8">Send a test event from here</button>`,1),B=y(`<div class="state svelte-srj2w8" aria-live="polite"><!></div> <!>`,1);function V(a,u){t(u,!0);let d=i(void 0),m=i(void 0),y=i(!1),x=0,S=i(0);l(()=>{let e=!1,t;async function n(){let e=(await T(`/api/stats/events/latest`,P({limit:1}))).data.at(0);t===void 0?t=e?.event_id??``:e&&e.event_id!==t&&w(e)}async function r(){for(;!e&&!O(d);)await n().catch(()=>{}),await new Promise(e=>setTimeout(e,document.hidden?3e3:400))}return r(),()=>e=!0});function w(e){s(d,e),x&&s(S,(performance.now()-x)/1e3)}async function M(){s(y,!0),s(m,void 0),x=performance.now();try{await r(`POST`,`/api/events`,{event_id:crypto.randomUUID(),occurred_at:new Date().toISOString(),user_id:h.user?.username??`test`,event_type:`test_event`,properties:{from:`dashboard`}},{"X-Project":String(b.project?.id)})}catch(e){s(m,e,!0),x=0}finally{s(y,!1)}}{let t=o(()=>O(d)?`It is here`:`Waiting for your first event…`),r=o(()=>O(d)!==void 0);L(a,{number:3,get title(){return O(t)},get done(){return O(r)},children:(t,r)=>{var i=B(),a=c(i),o=n(a),s=t=>{var r=R(),i=c(r),a=n(i);k(a,{name:`check`,size:22}),f(i);var o=e(i,2),s=n(o),l=n(s),u=_(l,!0),m=e(l,2),h=_(m,!0);f(s);var v=e(s,2),y=_(v,!0);f(o);var b=e(o,2);E((e,t)=>{C(u,O(d).event_type),C(h,O(d).user_id),C(y,e),p(b,`href`,t)},[()=>O(S)?`counted ${O(S).toFixed(1)} s after it was sent`:`counted just now`,()=>D.link(`/`)]),g(t,r)},l=t=>{var n=z(),r=e(c(n),4);E(()=>r.disabled=O(y)||!b.mayWrite),A(`click`,r,M),g(t,n)};v(o,e=>{O(d)?e(s):e(l,-1)}),f(a);var u=e(a,2),h=e=>{N(e,{get error(){return O(m)},again:M})};v(u,e=>{O(m)&&e(h)}),g(t,i)},$$slots:{default:!0}})}j()}w([`click`]);var H=y(`<div class="line"><code class="svelte-1o3w4ok"> </code><!></div>`),U=y(`<p class="small svelte-1o3w4ok"> </p>`),W=y(`<button class="btn primary">Make an ingest key</button> <!>`,1),G=y(`<p class="muted small svelte-1o3w4ok">A key of scope <i>ingest</i> can post events and read nothing. It is shown once.</p> <!> <!>`,1);function K(a,o){t(o,!0);let l=i(void 0),u=i(!1);async function d(){s(u,!0),s(l,void 0);try{let e=`Start ${new Date().toISOString().slice(0,16).replace(`T`,` `)}`,t=await r(`POST`,`/api/projects/${b.project?.id}/keys`,{name:e,scope:`ingest`});o.onmade(t.key)}catch(e){s(l,e,!0)}finally{s(u,!1)}}L(a,{number:1,title:`Make a key`,children:(t,r)=>{var i=G(),a=e(c(i),2),s=t=>{var r=H(),i=n(r),a=_(i,!0),s=e(i);F(s,{get text(){return o.key},name:`key`}),f(r),E(()=>C(a,o.key)),g(t,r)},p=t=>{var n=W(),r=c(n),i=e(r,2),a=e=>{var t=U(),n=_(t);E(()=>C(n,`Viewers cannot make keys. Ask an owner of ${b.project.name??``}.`)),g(e,t)};v(i,e=>{b.project&&!b.mayWrite&&e(a)}),E(()=>r.disabled=O(u)||!b.mayWrite),A(`click`,r,d),g(t,n)};v(a,e=>{o.key?e(s):e(p,-1)});var m=e(a,2),h=e=>{N(e,{get error(){return O(l)}})};v(m,e=>{O(l)&&e(h)}),g(t,i)},$$slots:{default:!0}}),j()}w([`click`]);var q=[`curl`,`JavaScript`,`Python`,`Go`];function J(e,t,n){switch(e){case`curl`:return`curl ${t}/api/events \\
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
response, err := http.DefaultClient.Do(request)`}}var Y=y(`<button> </button>`),X=y(`<div class="seg" role="group" aria-label="Language"></div>`),Z=y(`<div class="code svelte-4kv33l"><pre tabindex="0" class="svelte-4kv33l"> </pre> <!></div> <p class="muted small">Send the same event again as often as you like: its <code>event_id</code> makes it count once. <a href="/docs" class="svelte-4kv33l">All fields and limits</a></p>`,1);function Q(r,a){t(a,!0);let l=i(`curl`),d=o(()=>J(O(l),location.origin,a.key||`YOUR_KEY`));L(r,{number:2,title:`Post an event`,tools:e=>{var t=X();S(t,20,()=>q,e=>e,(e,t)=>{var n=Y(),r=_(n,!0);E(()=>{p(n,`aria-pressed`,O(l)===t),C(r,t)}),A(`click`,n,()=>s(l,t,!0)),g(e,n)}),f(t),g(e,t)},children:(t,r)=>{var i=Z(),a=c(i),o=n(a),s=_(o,!0),m=e(o,2);F(m,{get text(){return O(d)},name:`example`}),f(a),u(2),E(()=>{p(o,`aria-label`,`${O(l)??``} example`),C(s,O(d))}),g(t,i)},$$slots:{tools:!0,default:!0}}),j()}w([`click`]);var $=y(`<!> <div class="stack svelte-hm7qji"><!> <!> <!></div>`,1);function ee(t){let r=i(``);var a=$(),o=c(a);M(o,{title:`Send your first event`,ranged:!1,zoned:!1});var l=e(o,2),u=n(l);K(u,{get key(){return O(r)},onmade:e=>s(r,e,!0)});var d=e(u,2);Q(d,{get key(){return O(r)}}),V(e(d,2),{}),f(l),g(t,a)}export{ee as default};