# Perl's Net::FTP, for scripts/ftp-clients --all: uploads, lists, downloads and removes files in one login.
use strict;
use warnings;
use Net::FTP;

my ($up, $down, $tls) = @ENV{qw(FTP_UP FTP_DOWN FTP_TLS)};
my %tls = $tls ? (SSL_ca_file => $ENV{FTP_CERT}, SSL_verifycn_name => 'localhost') : ();
$tls{SSL_version} = 'TLSv1_2' if $tls eq '1.2';
my $ftp = Net::FTP->new('localhost', Port => $ENV{FTP_PORT}, Timeout => 20, %tls) or die "$@\n";
sub check { my ($done, $what) = @_; die "$what: " . $ftp->message unless $done; return $done; }
if ($tls) { check($ftp->starttls, 'starttls'); }
check($ftp->login('anonymous', 'x'), 'login');
$ftp->binary;
opendir my $dir, $up or die $!;
my @names = sort grep { !/^\./ } readdir $dir;
check($ftp->put("$up/$_", $_), "put $_") for @names;
my %listed = map { $_ => 1 } check([$ftp->ls], 'ls')->@*;
for (@names) { die "$_ is not listed\n" unless $listed{$_}; }
check($ftp->get($_, "$down/$_"), "get $_") for @names;
check($ftp->delete($_), "delete $_") for @names;
$ftp->quit;
