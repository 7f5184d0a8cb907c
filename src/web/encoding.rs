//! Content-Encoding: the compressed bodies of responses (RFC 9110, 8.4; RFC 7932 for Brotli).

use std::io::{self, Cursor, ErrorKind, Read};

use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};

/// The value of Accept-Encoding: what [`decoded`] decodes.
pub const ACCEPTED: &str = "gzip, deflate, br";

/// Bytes that the Brotli decoder reads at once.
const BROTLI_BUFFER: usize = 4 << 10;

type Body = Box<dyn Read + Send + Sync>;

/// The content of a body with that Content-Encoding.
///
/// # Errors
/// When the header names an encoding that is not supported.
pub fn decoded(mut body: Body, content_encoding: &str) -> Result<Body, String> {
    // The encoding that was applied last is named last.
    for name in content_encoding.rsplit(',') {
        body = match &*name.trim().to_ascii_lowercase() {
            "" | "identity" => body,
            "gzip" | "x-gzip" => Box::new(MultiGzDecoder::new(body)),
            "deflate" => Box::new(Deflate::Unread(Some(body))),
            "br" => Box::new(brotli_decompressor::Decompressor::new(body, BROTLI_BUFFER)),
            name => return Err(format!("Content-Encoding {name} is not supported")),
        };
    }
    Ok(body)
}

/// A `deflate` body: in zlib's format as the standard says, or without it as some servers send it.
enum Deflate {
    Unread(Option<Body>),
    Zlib(ZlibDecoder<Prefixed>),
    Raw(DeflateDecoder<Prefixed>),
}

type Prefixed = io::Chain<Cursor<Vec<u8>>, Body>;

impl Read for Deflate {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        loop {
            match self {
                Deflate::Zlib(decoder) => return decoder.read(buf),
                Deflate::Raw(decoder) => return decoder.read(buf),
                Deflate::Unread(body) => {
                    let mut body = body.take().ok_or(ErrorKind::BrokenPipe)?;
                    let mut head = Vec::new();
                    (&mut body).take(2).read_to_end(&mut head)?;
                    let is_zlib = is_zlib(&head);
                    let all = Cursor::new(head).chain(body);
                    *self = if is_zlib {
                        Deflate::Zlib(ZlibDecoder::new(all))
                    } else {
                        Deflate::Raw(DeflateDecoder::new(all))
                    };
                }
            }
        }
    }
}

/// Whether a body begins with zlib's header (RFC 1950, 2.2).
fn is_zlib(head: &[u8]) -> bool {
    let &[method, flags] = head else { return false };
    method & 0x0F == 8 && u16::from_be_bytes([method, flags]).is_multiple_of(31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::read::{DeflateEncoder, GzEncoder, ZlibEncoder};

    fn read(body: Vec<u8>, content_encoding: &str) -> Result<Vec<u8>, String> {
        let mut content = Vec::new();
        let mut body = decoded(Box::new(Cursor::new(body)), content_encoding)?;
        body.read_to_end(&mut content).map_err(|err| err.to_string())?;
        Ok(content)
    }

    fn all(mut reader: impl Read) -> Vec<u8> {
        let mut bytes = Vec::new();
        reader.read_to_end(&mut bytes).unwrap();
        bytes
    }

    #[test]
    fn every_encoding_is_decoded() {
        let text = b"plain words ".repeat(100);
        let check = |body: Vec<u8>, content_encoding: &str| {
            assert_eq!(read(body, content_encoding).as_ref(), Ok(&text), "{content_encoding}");
        };
        let level = Compression::fast();
        let gzip = all(GzEncoder::new(&*text, level));
        check(text.clone(), "");
        check(text.clone(), "identity");
        check(gzip.clone(), "x-gzip");
        check(gzip.clone(), " GZip ");
        check(all(ZlibEncoder::new(&*text, level)), "deflate");
        check(all(DeflateEncoder::new(&*text, level)), "deflate");
        check(all(ZlibEncoder::new(&*gzip, level)), "gzip, deflate");
        // `printf 'plain words %.0s' $(seq 100) | brotli -c | xxd -i`, brotli 1.0.9
        let brotli = [
            0x1f, 0xaf, 0x04, 0xf8, 0xc5, 0x6d, 0x6c, 0x5d, 0xf7, 0x15, 0x3c, 0x82, 0x54, 0xd4,
            0x28, 0x0c, 0x8c, 0x05, 0xf4, 0x62, 0x42, 0x17, 0xbe, 0x57, 0x07,
        ];
        check(brotli.to_vec(), "br");
    }

    #[test]
    fn what_cannot_be_decoded_is_an_error() {
        let unsupported = Err("Content-Encoding zstd is not supported".to_owned());
        assert_eq!(read(vec![1, 2, 3], "zstd"), unsupported);
        for name in ["gzip", "br", "deflate"] {
            assert!(read(b"no such thing".to_vec(), name).is_err(), "{name}");
        }
        let whole = all(GzEncoder::new(&[b'x'; 1_000][..], Compression::fast()));
        assert!(read(whole[..whole.len() / 2].to_vec(), "x-gzip").is_err());
    }
}
