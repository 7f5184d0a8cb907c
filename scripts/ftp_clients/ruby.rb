# Ruby's Net::FTP, for scripts/ftp-clients --all: uploads, lists, downloads and removes files in one login.
require 'net/ftp'

up, down, tls = ENV.values_at('FTP_UP', 'FTP_DOWN', 'FTP_TLS')
options = { port: ENV['FTP_PORT'].to_i, username: 'anonymous', password: 'x', passive: true }
unless tls.empty?
  options[:ssl] = { ca_file: ENV['FTP_CERT'] }
  options[:ssl][:max_version] = OpenSSL::SSL::TLS1_2_VERSION if tls == '1.2'
  options[:private_data_connection] = true
end
ftp = Net::FTP.new('localhost', options)
names = Dir.children(up).sort
names.each { |name| ftp.putbinaryfile("#{up}/#{name}", name) }
missing = names - ftp.nlst
abort "not listed: #{missing}" unless missing.empty?
names.each { |name| ftp.getbinaryfile(name, "#{down}/#{name}") }
names.each { |name| ftp.delete(name) }
ftp.quit
ftp.close
