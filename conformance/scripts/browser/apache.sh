#!/bin/sh
# Apache with mod_auth_openidc as a relying party at http://127.0.0.1:${RP_PORT:-4700}/protected/, in the foreground until told to stop.
#
# apache.sh DIR ISSUER CLIENT-ID CLIENT-SECRET [CA-FILE]: everything that it writes goes to DIR. It is told of a logout at
# /protected/redirect_uri?logout=backchannel, and writes each request to DIR/access.log.
set -eu
dir=$1 issuer=$2 id=$3 secret=$4 ca=${5:-}
port=${RP_PORT:-4700}
at=http://127.0.0.1:$port
modules=/usr/lib/apache2/modules
mkdir -p "$dir/www/protected"
echo '<!doctype html><title>Out</title><h1>Not signed in here</h1>' >"$dir/www/out.html"
# The page says who is in, so that a person (and a script that looks like one) can read it.
cat >"$dir/www/protected/index.shtml" <<END
<!doctype html><title>Relying party</title><h1>Signed in as <!--#echo var="REMOTE_USER" --></h1>
END

cat >"$dir/apache.conf" <<END
ServerRoot $dir
ServerName 127.0.0.1
Listen 127.0.0.1:$port
PidFile $dir/apache.pid
DefaultRuntimeDir $dir
Mutex file:$dir
User www-data
Group www-data
ErrorLog $dir/error.log
LogLevel warn auth_openidc:info
LoadModule mpm_event_module $modules/mod_mpm_event.so
LoadModule authn_core_module $modules/mod_authn_core.so
LoadModule authz_core_module $modules/mod_authz_core.so
LoadModule authz_user_module $modules/mod_authz_user.so
LoadModule dir_module $modules/mod_dir.so
LoadModule mime_module $modules/mod_mime.so
LoadModule include_module $modules/mod_include.so
LoadModule auth_openidc_module $modules/mod_auth_openidc.so
LogFormat "%m %U%q %>s" brief
CustomLog $dir/access.log brief
DocumentRoot $dir/www
TypesConfig /dev/null
DirectoryIndex index.shtml
AddType text/html .html .shtml
AddOutputFilter INCLUDES .shtml

OIDCProviderMetadataURL ${issuer%/}/.well-known/openid-configuration
OIDCClientID $id
OIDCClientSecret "$secret"
OIDCRedirectURI $at/protected/redirect_uri
OIDCDefaultLoggedOutURL $at/out.html
OIDCCryptoPassphrase "of one run"
OIDCScope "openid"
OIDCPKCEMethod S256
OIDCResponseMode query
OIDCProviderTokenEndpointAuth client_secret_basic
# A session has to be found again by the sid of a logout token: the server keeps them, not the browser.
OIDCSessionType server-cache
OIDCCacheType shm
OIDCRemoteUserClaim sub
OIDCSSLValidateServer On
${ca:+OIDCCABundlePath $ca}

<Location />
  Require all granted
</Location>
<Location /protected>
  Options +Includes
  AuthType openid-connect
  Require valid-user
</Location>
END
exec apache2 -f "$dir/apache.conf" -DFOREGROUND
