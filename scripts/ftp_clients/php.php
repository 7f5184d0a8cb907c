<?php
// PHP's ftp extension, for scripts/ftp-clients --all: uploads, lists, downloads and removes files in one login.
$up = getenv('FTP_UP');
$down = getenv('FTP_DOWN');
$port = (int) getenv('FTP_PORT');
set_error_handler(function ($_, $message) { fwrite(STDERR, "$message\n"); exit(1); });
$ftp = getenv('FTP_TLS') ? ftp_ssl_connect('localhost', $port, 20) : ftp_connect('localhost', $port, 20);
ftp_login($ftp, 'anonymous', 'x');
ftp_pasv($ftp, true);
$names = array_values(array_diff(scandir($up), ['.', '..']));
foreach ($names as $name) {
    ftp_put($ftp, $name, "$up/$name", FTP_BINARY) or exit(1);
}
$missing = array_diff($names, array_map('basename', ftp_nlist($ftp, '.')));
if ($missing) {
    trigger_error('not listed: ' . implode(' ', $missing));
}
foreach ($names as $name) {
    ftp_get($ftp, "$down/$name", $name, FTP_BINARY) or exit(1);
    ftp_delete($ftp, $name) or exit(1);
}
ftp_close($ftp);
